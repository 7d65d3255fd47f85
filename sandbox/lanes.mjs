import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { ORDER } from './processes/children.mjs';
import { ROOT } from './setup/paths.mjs';
import { Fault, green, red, say } from './setup/say.mjs';

const LANE = join(ROOT, 'test', 'support', 'lane.mjs');
const TOLD_LONGEST = 10;
const minutes = (ms) => `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;

/**
 * Run test files side by side, one at a time in each lane, a process of its own with the environment given for it. A lane that is free takes the next
 * file; what a file has to say is shown when it has ended. A lane that dies is a failure of the file it was at, and another one goes on with the rest.
 * @returns {Promise<number>} 0 when something passed and nothing failed
 */
export async function runLanes(children, { files, lanes, cwd = ROOT, tell = say, tally = process.env.TALLY_FILE }) {
  const startedAt = performance.now();
  const waiting = [...files];
  const ended = [];

  const note = (result) => {
    ended.push(result);
    tell(result.output);
  };

  async function runLane(env) {
    let begun = false;
    let file;
    const child = children.launch({
      name: 'tests',
      command: process.execPath,
      args: ['--import', 'tsx', LANE],
      env,
      cwd,
      order: ORDER.tests,
      inherit: true,
      onMessage(message) {
        begun = true;
        if (message.result) note({ file, ...message.result });
        file = waiting.shift();
        child.send({ file });
      },
    });
    const { code, signal } = await child.exited;
    if (children.closing) return;
    if (!begun) throw new Fault(`A process for tests ended before it took a file (${signal ?? `exit ${code}`}).`);
    if (file === undefined) return;
    const failures = `  The process ended (${signal ?? `exit ${code}`}) before the file did.`;
    note({ file, passes: 0, failures: 1, ms: 0, output: `\n  ${file}\n    ${red('ended with its process')}\n`, said: failures });
  }

  await Promise.all(
    lanes.map(async (env) => {
      do await runLane(env);
      while (waiting.length > 0 && !children.closing);
    }),
  );
  if (children.closing) return 1; // stopped from outside: nothing is counted

  const sum = (field) => ended.reduce((total, result) => total + result[field], 0);
  const [passes, failures] = [sum('passes'), sum('failures')];
  const longest = ended.sort((a, b) => b.ms - a.ms).slice(0, TOLD_LONGEST);
  tell(`\n  Longest: ${longest.map(({ file, ms }) => `${file} ${(ms / 1000).toFixed(0)} s`).join(', ')}`);
  tell(green(`\n  ${passes} passing (${minutes(performance.now() - startedAt)}, ${ended.length} files in ${lanes.length} lanes)`));
  if (failures > 0) tell(red(`  ${failures} failing`));
  for (const { file, said } of ended) if (said) tell(`\n  ${file}\n${said}`);
  if (tally) appendFileSync(tally, `${passes} ${failures}\n`);
  return failures === 0 && passes > 0 ? 0 : 1;
}
