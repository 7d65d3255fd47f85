// Mocha's spec output, and the totals appended to the file named by TALLY_FILE, where .ci/run adds them up.
import { appendFileSync } from 'node:fs';
import Mocha from 'mocha';

const { Spec } = Mocha.reporters;
const { EVENT_RUN_END } = Mocha.Runner.constants;

// Mocha finds a reporter by its module's default export.
export default class TallyReporter extends Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(EVENT_RUN_END, () => {
      if (process.env.TALLY_FILE) appendFileSync(process.env.TALLY_FILE, `${this.stats.passes} ${this.stats.failures}\n`);
    });
  }
}
