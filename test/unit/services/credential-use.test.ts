import { expect } from 'chai';
import { HOUR_MS } from '../../../server/domain/batches.ts';
import { makeCredentialUse } from '../../../server/services/credential-use.ts';

const HOUR = 400_000;
const AT = HOUR * HOUR_MS + 1_200_000;

describe('the last use of a credential', () => {
  const noted: (readonly [string, number])[][] = [];
  const used = (maxTs: number, ...credentials: (readonly [string, number])[]) => ({
    maxTs,
    entries: credentials.map(([credentialId, hour]) => ({ credentialId, hour })) as never,
  });
  let note: ReturnType<typeof makeCredentialUse>;
  beforeEach(() => {
    noted.length = 0;
    note = makeCredentialUse({ apps: { noteUses: async (uses) => void noted.push([...uses]) } });
  });

  it('is that of its last call in a batch, never later than the hour of that call', async () => {
    await note(used(AT, ['crd_a', HOUR], ['crd_a', HOUR - 1], ['crd_b', HOUR - 1], ['', HOUR]));
    expect(noted).to.deep.equal([
      [
        ['crd_a', AT],
        ['crd_b', HOUR * HOUR_MS - 1],
      ],
    ]);
  });

  it('is written once a minute, however many batches name it', async () => {
    for (const later of [0, 30_000, 59_999, 60_000]) await note(used(AT + later, ['crd_a', HOUR]));
    expect(noted).to.deep.equal([[['crd_a', AT]], [['crd_a', AT + 60_000]]]);
  });

  it('is noted again after the store refused it', async () => {
    let away = true;
    const again = makeCredentialUse({
      apps: {
        noteUses: async (uses) => {
          if (away) throw new Error('away');
          noted.push([...uses]);
        },
      },
    });
    await again(used(AT, ['crd_a', HOUR])).catch(() => undefined);
    away = false;
    await again(used(AT, ['crd_a', HOUR]));
    expect(noted).to.deep.equal([[['crd_a', AT]]]);
  });
});
