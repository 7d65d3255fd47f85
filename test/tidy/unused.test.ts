import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';

const ROOT = projectRoot();
const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');

/** The code of files by their path: comments use nothing. */
const read = (folder: string): [string, string][] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|mjs)$/.test(file) && !file.includes('node_modules'))
    .map((file) => [join(folder, file), code(readFileSync(join(ROOT, folder, file), 'utf8'))]);

const product = [...read('server'), ...read('jobs')];
/** Whatever may use the product, but its tests. */
const users = [...product, ...read('sandbox'), ...read('bench')];
const wordsOf = new Map(
  users.map(([path, text]) => {
    const counts = new Map<string, number>();
    for (const word of text.match(/[A-Za-z_$][\w$]*/g) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
    return [path, counts];
  }),
);
const usedElsewhere = (path: string, name: string, also = (_text: string): boolean => true): boolean =>
  users.some(([other, text]) => other !== path && wordsOf.get(other)?.has(name) === true && also(text));

describe('tidy: what nobody uses', () => {
  it('exports nothing that tests alone use, or nobody', () => {
    // The generated .env.example is compared with it by a test, and written by hand with it.
    const allowed = new Set(['server/config.ts envExample']);
    const faults = product.flatMap(([path, text]) =>
      [...text.matchAll(/^export (?:async )?(?:abstract )?(?:const|function\*?|class|interface|type|enum) ([A-Za-z_$][\w$]*)/gm)].flatMap(([, name = '']) =>
        (wordsOf.get(path)?.get(name) ?? 0) > 1 || usedElsewhere(path, name) ? [] : [`${path} ${name}`],
      ),
    );
    expect(faults.filter((fault) => !allowed.has(fault))).to.deep.equal([]);
  });

  it('asks nothing of the database that tests alone ask, or nobody', () => {
    const faults = product
      .filter(([path]) => path.startsWith('server/store/'))
      .flatMap(([path, text]) =>
        [...text.matchAll(/^ {4}(?:async \*?|\*)?([A-Za-z_$][\w$]*)(?:\(|: (?:async )?\()/gm)].flatMap(([, name = '']) => {
          const use = new RegExp(`[.{,]\\s*${name.replaceAll('$', '\\$')}\\b`);
          return text.includes(`.${name}(`) || usedElsewhere(path, name, (other) => use.test(other)) ? [] : [`${path} ${name}`];
        }),
      );
    expect(faults).to.deep.equal([]);
  });
});
