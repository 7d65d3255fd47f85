import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { answerCase } from '../../../server/domain/door/door.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CASES = join(ROOT, 'test/billing-cases.json');

/** Runs the command as `npm run billing` does. */
function run(
  args: string[],
  input: string | Buffer = '',
  env: Record<string, string> = {},
  cwd = ROOT,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', join(ROOT, 'node_modules/tsx/dist/esm/index.mjs'), join(ROOT, 'server/cli/billing.ts'), ...args], {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
    });
    const [out, err]: Buffer[][] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => out?.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err?.push(chunk));
    child
      .on('error', reject)
      .on('close', (code) => resolve({ code, stdout: Buffer.concat(out ?? []).toString(), stderr: Buffer.concat(err ?? []).toString() }));
    // The command may have refused the input before it took all of it.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

describe('the billing command', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'billing-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('answers the worked cases as the functions do, in their order, from a path or from standard input', async () => {
    const file = await readFile(CASES, 'utf8');
    const { cases } = JSON.parse(file) as { cases: unknown[] };
    const [fromPath, fromStdin, fromDash] = await Promise.all([run(['test/billing-cases.json']), run([], file), run(['-'], file)]);
    expect(fromPath).to.include({ code: 0, stderr: '' });
    expect(JSON.parse(fromPath.stdout)).to.deep.equal({ results: cases.map(answerCase) });
    expect([fromStdin.stdout, fromDash.stdout]).to.deep.equal([fromPath.stdout, fromPath.stdout]);
  });

  it('I19: gives the same bytes under any time zone and locale, from any folder', async () => {
    const zones = ['America/New_York', 'Asia/Kolkata', 'Pacific/Apia'];
    const plain = await run(['test/billing-cases.json'], '', { TZ: 'UTC' });
    for (const { stdout } of await Promise.all(
      zones.map((TZ) => run(['test/billing-cases.json'], '', { TZ, LC_ALL: 'de_DE.UTF-8', LANG: 'tr_TR' }, tmpdir())),
    )) {
      expect(stdout).to.equal(plain.stdout);
    }
  });

  it('answers no cases with no results', async () => {
    const { code, stdout } = await run([], '{"cases": []}');
    expect([code, JSON.parse(stdout)]).to.deep.equal([0, { results: [] }]);
  });

  it('ends with 2, one line and nothing on standard output when the input as a whole cannot be read', async () => {
    const huge = join(folder, 'huge.json');
    await writeFile(huge, `{"cases": []}${' '.repeat(16 * 1024 * 1024)}`);
    const refused = await Promise.all([
      run(['no/such/file.json']),
      run(['server']),
      run([huge]),
      run([], ''),
      run([], '{"cases": ['),
      run([], '[]'),
      run([], 'null'),
      run([], '{}'),
      run([], '{"cases": {}}'),
      run([], `{"cases": [${Array(10_001).fill('0').join(',')}]}`),
      run([], Buffer.from([0x7b, 0xff, 0x7d])),
    ]);
    for (const { code, stdout, stderr } of refused) {
      expect([code, stdout]).to.deep.equal([2, '']);
      expect(stderr).to.match(/^[^\n]+\n$/);
    }
  });

  it('answers 10,000 cases, and 16 MiB to the byte', async () => {
    const many = `{"cases": [${Array(10_000).fill('{"id":"a","kind":"display","plan":{"currency":"usd"},"usage":{"amounts":[5]}}').join(',')}]}`;
    const { code, stdout } = await run([], many.padEnd(16 * 1024 * 1024));
    expect(code).to.equal(0);
    expect((JSON.parse(stdout) as { results: unknown[] }).results).to.have.length(10_000);
  });

  it('refuses a fraction that a double cannot hold, and takes an integer in any spelling of JSON', async () => {
    const input =
      '{"cases": [{"id": "\\"4503599627370496.5\\\\", "kind": "rate", "plan": {"currency": "usd", "price": {"model": "per_unit", "unit_amount_decimal": "1"}}, "usage": {"quantities": [QUANTITY]}}]}';
    const amount = async (literal: string) => {
      const { results } = JSON.parse((await run([], input.replace('QUANTITY', literal))).stdout) as {
        results: { id: string; result?: { rated: [{ amount: unknown }] }; error?: { path: string } }[];
      };
      expect(results[0]?.id).to.equal('"4503599627370496.5\\');
      return results[0]?.result?.rated[0].amount ?? results[0]?.error?.path;
    };
    for (const literal of ['4503599627370496.5', '1.00000000000000000001', '9007199254740993', '1e400', '12.5', '-1'])
      expect(await amount(literal)).to.equal('usage.quantities[0]');
    expect(await amount('9007199254740991')).to.equal(9007199254740991);
  });
});
