import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';
import { runLanes } from '../../sandbox/lanes.mjs';
import { makeChildren } from '../../sandbox/processes/children.mjs';
import { wholeSuite } from '../../sandbox/tests.mjs';

describe('tests in lanes', function () {
  this.timeout(120_000);
  let folder: string;
  let tally: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tollgate-lanes-'));
    tally = join(folder, 'tally');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Run files of these contents in two lanes. @returns what a person and `.ci/run` see */
  async function run(contents: Readonly<Record<string, string>>, onTold?: (text: string, children: ReturnType<typeof makeChildren>) => void) {
    const files = Object.entries(contents).map(([name, text]) => {
      const file = join(folder, `${name}.test.ts`);
      writeFileSync(file, text);
      return file;
    });
    const children = makeChildren();
    let told = '';
    const lanes = ['one', 'two'].map((LANE) => ({ ...process.env, LANE }));
    const tell = (text: string) => {
      told += `${text}\n`;
      onTold?.(text, children);
    };
    const code = await runLanes(children, { files, lanes, tell, tally });
    await children.stopAll();
    await children.release();
    return { code, told, tally: existsSync(tally) ? readFileSync(tally, 'utf8') : '' };
  }
  const passing = (title: string, body = ''): string => `it('${title}', async () => { ${body} });`;

  it('run at the same time, each in the environment of its lane, and are added up', async () => {
    // Each file waits until the other one has begun.
    const meet = (name: string, other: string): string => {
      const place = (file: string) => JSON.stringify(join(folder, file));
      return `const { existsSync, writeFileSync } = require('node:fs'); writeFileSync(${place(name)}, process.env.LANE);
        while (!existsSync(${place(other)})) await new Promise((resolve) => setTimeout(resolve, 20));`;
    };
    const result = await run({ a: passing('meets b', meet('a', 'b')), b: passing('meets a', meet('b', 'a')), c: passing('comes after') });
    expect(result).to.include({ code: 0, tally: '3 0\n' });
    expect(result.told).to.include('meets a').and.include('meets b').and.include('comes after').and.include('3 passing');
    expect([readFileSync(join(folder, 'a'), 'utf8'), readFileSync(join(folder, 'b'), 'utf8')].sort()).to.deep.equal(['one', 'two']);
  });

  it('fail as a whole with one that fails, is left out, is the only one, cannot be loaded, or dies; the others still run', async () => {
    const result = await run({
      dies: passing('dies', 'process.exit(0);'),
      fails: passing('fails', "throw new Error('a fault with 1n', { cause: { amount: 1n } });"),
      late: passing('throws from a timer', "setTimeout(() => { throw new Error('from a timer'); }); await new Promise((r) => setTimeout(r, 5_000));"),
      leaves: "it.skip('is left out', () => {});",
      loads: "import './nowhere.ts';",
      only: "it.only('is the only one', () => {});",
      passes: passing('passes'),
    });
    expect(result).to.include({ code: 1, tally: '1 6\n' });
    for (const words of [
      'The process ended (exit 0)',
      'a fault with 1n',
      'from a timer',
      'Pending test forbidden',
      'nowhere',
      '`.only` forbidden',
      '6 failing',
    ])
      expect(result.told).to.include(words);
  });

  it('end without a count when they are stopped', async () => {
    const result = await run({ a: passing('passes'), b: passing('stays', 'setInterval(() => {}, 1_000); await new Promise(() => {});') }, (_, children) => {
      void children.stopAll();
    });
    expect(result).to.include({ code: 1, tally: '' });
  });

  it('hold each file of the suite once, and none that is gone', () => {
    const files = wholeSuite();
    expect(new Set(files).size).to.equal(files.length);
    expect(files.filter((file: string) => !existsSync(join(projectRoot(), file)))).to.deep.equal([]);
    expect(files).to.include('test/integration/sandbox-lanes.test.ts').and.include('test/tidy/imports.test.ts');
  });
});
