import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { envExample, projectRoot } from '../../server/config.ts';
import { ACTIONS } from '../../server/domain/actions.ts';
import { PRESETS } from '../../server/domain/rights.ts';
import { PROBLEMS } from '../../server/kernel/problems.ts';

const ROOT = projectRoot();
const read = (folder: string, extension: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => ({ path: join(folder, file), text: readFileSync(join(ROOT, folder, file), 'utf8') }));

describe('tidy: catalogues', () => {
  const product = [...read('server', '.ts'), ...read('jobs', '.ts')];
  const tests = read('test', '.ts');
  const mentions = (files: { path: string; text: string }[], word: string, except: RegExp) =>
    files.some(({ path, text }) => !except.test(path) && text.includes(`'${word}'`));

  it('has a thrower and a test for every problem code', () => {
    const codes = Object.keys(PROBLEMS);
    expect(
      codes.filter((code) => !mentions(product, code, /kernel\/problems\.ts$/)),
      'never thrown',
    ).to.deep.equal([]);
    // A test names the code, or the reference system's code that callers see.
    const named = (code: string) =>
      tests.some(({ path, text }) => !path.endsWith('catalogue.test.ts') && new RegExp(`(?<![\\w-])${code}(?![\\w-])`).test(text));
    const seen = (apig: string | undefined) => apig !== undefined && tests.some(({ path, text }) => !path.endsWith('catalogue.test.ts') && text.includes(apig));
    expect(
      Object.entries(PROBLEMS)
        .filter(([code, { apig }]) => !named(code) && !seen(apig))
        .map(([code]) => code),
      'never tested',
    ).to.deep.equal([]);
  });

  it('keeps problems and actions sorted, one line each', () => {
    expect(Object.keys(PROBLEMS)).to.deep.equal(Object.keys(PROBLEMS).sort());
    expect([...ACTIONS]).to.deep.equal([...ACTIONS].sort());
  });

  it('asks somewhere for every action, and grants none that does not exist', () => {
    expect(
      ACTIONS.filter((action) => !mentions(product, action, /domain\/actions\.ts$/)),
      'never asked',
    ).to.deep.equal([]);
    const granted = Object.values(PRESETS)
      .flatMap((policy) => policy.Statement.flatMap((statement) => statement.Action))
      .filter((action) => !action.includes('*'));
    expect(granted.filter((action) => !(ACTIONS as readonly string[]).includes(action))).to.deep.equal([]);
  });

  it('keeps .env.example as config.ts makes it', () => {
    expect(readFileSync(join(ROOT, '.env.example'), 'utf8')).to.equal(envExample());
  });

  it('leaves no unquoted attribute in a view', () => {
    const faults = read('views', '.hbs').flatMap(({ path, text }) =>
      [...text.matchAll(/\s[a-z-]+=\{\{(?![^}]*"\}\})[^}]*\}\}/g)]
        .filter((match) => !insideMustache(text, match.index))
        .map((match) => `${path}: ${match[0].trim()}`),
    );
    expect(faults).to.deep.equal([]);
  });
});

/** A parameter of a partial looks like an attribute, and is none. */
const insideMustache = (text: string, at: number): boolean => text.lastIndexOf('{{', at) > text.lastIndexOf('}}', at);
