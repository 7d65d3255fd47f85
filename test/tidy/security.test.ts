import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';

/** Rows of docs/security.md that name a test: attack, answer, file, test. */
const rows = readFileSync(join(projectRoot(), 'docs', 'security.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => cells[3]?.endsWith('.test.ts'))
  .map(([, attack = '', , file = '', test = '']) => ({ attack, file, test }));

describe('tidy: the page on security', () => {
  it('names tests that exist', () => {
    expect(rows.length).to.be.greaterThan(50);
    const missing = rows.filter(({ file, test }) => {
      const path = join(projectRoot(), file);
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
      return !["'", '`', '"'].some((quote) => text.includes(`it(${quote}${test}${quote}`));
    });
    expect(missing).to.deep.equal([]);
  });

  it('has rows of one shape, so that none is passed over', () => {
    const text = readFileSync(join(projectRoot(), 'docs', 'security.md'), 'utf8');
    expect(text.match(/\.test\.ts \| /g)).to.have.length(rows.length);
    expect(text.match(/^\| attack \| answer \| file \| test \|$/gm)).to.have.length(
      text.match(/^###? (?=Callers|Providers|The portal|Accounts|Webhooks)/gm)?.length ?? 0,
    );
  });
});
