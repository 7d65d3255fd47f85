import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { answerCase, DOOR_KINDS } from '../../../../server/domain/door/door.ts';

interface WorkedCase {
  id: string;
  kind: string;
  name: string;
  expected: { error?: { code: string; path: string } } & Record<string, unknown>;
}

const { cases } = JSON.parse(readFileSync(new URL('../../../billing-cases.json', import.meta.url), 'utf8')) as { cases: WorkedCase[] };

describe('worked billing cases', () => {
  for (const worked of cases) {
    it(`${worked.id} ${worked.kind}: ${worked.name}`, () => {
      const answer = answerCase(worked);
      if (worked.expected.error) {
        expect(answer).to.have.property('error');
        if ('error' in answer) expect({ code: answer.error.code, path: answer.error.path }).to.deep.equal(worked.expected.error);
      } else {
        expect(answer).to.deep.equal({ id: worked.id, result: worked.expected });
      }
    });
  }

  it('touch every kind there is', () => {
    expect([...new Set(cases.filter(({ kind }) => kind !== 'haggle').map(({ kind }) => kind))].sort()).to.deep.equal(DOOR_KINDS);
  });
});
