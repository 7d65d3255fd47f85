// One lane of `npm test`: runs the files it is given, one after the other, and tells what each came to. Started by sandbox/lanes.mjs.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { format } from 'node:util';
import Mocha from 'mocha';

const { Base, Spec } = Mocha.reporters;
const camelCase = (name) => name.replace(/-([a-z])/g, (_, char) => char.toUpperCase());
const settings = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '.mocharc.json'), 'utf8'));
const options = Object.fromEntries(Object.entries(settings).map(([name, value]) => [camelCase(name), value]));

let lines = [];
Base.consoleLog = (...args) => void lines.push(format(...args));
const written = () => lines.splice(0).join('\n');

/** Mocha's spec output without its totals, which are told once for all files. */
class LaneReporter extends Spec {
  epilogue() {
    this.stats.output = written();
    if (this.failures.length > 0) Base.list(this.failures);
    this.stats.said = written();
  }
}

async function run(file) {
  const startedAt = performance.now();
  const mocha = new Mocha({ ...options, reporter: LaneReporter });
  mocha.addFile(resolve(file));
  const result = (stats) => ({ passes: stats.passes, failures: stats.failures, output: stats.output, said: stats.said, ms: performance.now() - startedAt });
  try {
    await mocha.loadFilesAsync();
  } catch (error) {
    return result({ passes: 0, failures: 1, output: `\n  ${file}\n    cannot be loaded\n`, said: format(error) });
  }
  return new Promise((resolve) => {
    const runner = mocha.run(() => {
      // Mocha leaves its own behind, which would throw what the next file's runner is there to catch.
      for (const event of ['uncaughtException', 'unhandledRejection']) process.removeAllListeners(event);
      resolve(result(runner.stats));
    });
  });
}

process.on('message', async ({ file }) => {
  // What a file left open must not keep its lane from ending.
  if (file === undefined) process.exit(0);
  process.send({ result: await run(file) });
});
process.on('disconnect', () => process.exit(1));
process.send({ ready: true });
