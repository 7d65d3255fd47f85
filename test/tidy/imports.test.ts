import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';

const ROOT = projectRoot();

interface Source {
  readonly path: string;
  readonly text: string;
  /** Paths from the root of what it imports within the project; bare names otherwise. */
  readonly imports: readonly string[];
}

function sources(...folders: string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => {
        const path = join(folder, file);
        const text = readFileSync(join(ROOT, path), 'utf8');
        // The type of the configuration may be named anywhere; its values are handed in.
        const specifiers = [...text.replace(/import type \{[^}]*\} from '(\.\.\/)+config\.ts';/g, '').matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(
          (match) => match[1] ?? '',
        );
        return { path, text, imports: specifiers.map((name) => (name.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(path), name)) : name)) };
      }),
  );
}

const product = sources('server', 'jobs');
const within = (path: string, folder: string) => path.startsWith(`${folder}/`);
const layerOf = (path: string): string => (within(path, 'jobs') ? 'jobs' : (/^server\/([a-z]+)\//.exec(path)?.[1] ?? 'root'));

/** What each layer may import besides itself. `root` is compose, roles, main, config, lifecycle, ops. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  domain: ['kernel'],
  store: ['kernel', 'domain'],
  cache: ['kernel', 'domain'],
  stripe: ['kernel', 'domain'],
  queue: ['kernel', 'domain'],
  mail: ['kernel', 'domain'],
  services: ['kernel', 'domain', 'store', 'cache', 'stripe', 'queue', 'mail'],
  web: ['kernel', 'domain', 'store', 'cache', 'stripe', 'queue', 'services'],
  gateway: ['kernel', 'domain', 'cache', 'services'],
  jobs: ['kernel', 'domain', 'queue', 'services'],
};

const faultsOf = (files: readonly Source[], fault: (source: Source) => string | false | undefined) =>
  files.flatMap((source) => {
    const found = fault(source);
    return found ? [`${source.path}: ${found}`] : [];
  });

/** Lines of code without comments, so that prose about a forbidden thing is no fault. */
const code = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');

describe('tidy: the direction of imports', () => {
  it('goes kernel ← domain ← adapters ← services ← roles ← compose', () => {
    const faults = faultsOf(product, ({ path, imports }) => {
      const layer = layerOf(path);
      const allowed = MAY[layer];
      if (!allowed) return false;
      const wrong = imports.filter((name) => (within(name, 'server') || within(name, 'jobs')) && layerOf(name) !== layer && !allowed.includes(layerOf(name)));
      return wrong.length > 0 && `imports ${wrong.join(', ')}`;
    });
    expect(faults).to.deep.equal([]);
  });

  it('keeps the sandbox and the tests out of the product', () => {
    expect(faultsOf(product, ({ imports }) => imports.find((name) => within(name, 'sandbox') || within(name, 'test')))).to.deep.equal([]);
  });

  it('keeps each engine’s client in its own adapter', () => {
    const homes: Readonly<Record<string, RegExp>> = {
      mongoose: /^server\/store\//,
      mongodb: /^server\/store\//,
      stripe: /^server\/stripe\//,
      redis: /^server\/(cache|queue)\//,
      bullmq: /^server\/queue\/|^jobs\/worker\.ts$/,
      nodemailer: /^server\/mail\//,
    };
    const faults = faultsOf(product, ({ path, imports }) => imports.find((name) => homes[name] && !homes[name].test(path)));
    expect(faults).to.deep.equal([]);
  });
});

describe('tidy: the outside world is handed in', () => {
  const only = (what: string, pattern: RegExp, allowed: RegExp) =>
    it(what, () => {
      expect(faultsOf(product, ({ path, text }) => !allowed.test(path) && pattern.exec(code(text))?.[0])).to.deep.equal([]);
    });
  // snippet.ts writes programs for callers, which read their own environment.
  only('reads the environment in config.ts alone', /process\.env/, /^server\/(config|web\/present\/snippet)\.ts$/);
  only('tells time and makes chance in kernel/ alone', /Date\.now\(|new Date\(\)|Math\.random\(|randomUUID\(/, /^server\/kernel\//);
  only('ends the process in the entry points alone', /process\.exit\(/, /^server\/(main\.ts|cli\/)/);
  only('never runs findOneAnd…', /findOneAnd|findByIdAnd/, /^$/);
  only('never waits in the domain', /\bawait\b/, /^(?!server\/domain\/)/);
  only('never asks for a bare number of money', /parseFloat\(|\.toFixed\(/, /^(?!server\/domain\/(money|pricing|rating|invoice|proration|ledger))/);

  it('imports every file of the product from another one', () => {
    const all = [...product, ...sources('sandbox', 'test', 'bench')];
    const imported = new Set(all.flatMap(({ path, imports }) => imports.filter((name) => name !== path)));
    const entries = /^server\/(main|config|cli\/.*)\.ts$|\.d\.ts$/;
    const started = new Set(all.flatMap(({ text }) => [...text.matchAll(/['"/]([a-z-]+)\.(?:ts|js)['"]/g)].map((match) => match[1] ?? '')));
    expect(
      product.filter(({ path }) => !imported.has(path) && !entries.test(path) && !started.has(/([a-z-]+)\.ts$/.exec(path)?.[1] ?? '')).map(({ path }) => path),
    ).to.deep.equal([]);
  });
});
