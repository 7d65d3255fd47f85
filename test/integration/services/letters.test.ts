import { expect } from 'chai';
import { makeLog } from '../../../server/kernel/log.ts';
import { makeAccess } from '../../../server/services/access.ts';
import { makeLetters } from '../../../server/services/letters.ts';
import { testWorld, type TestWorld } from '../../support/commerce.ts';

describe('letters to an organization', () => {
  let world: TestWorld;
  const sent: { to: string; subject: string; path: string }[] = [];
  before(async () => (world = await testWorld()));
  after(() => world.close());
  beforeEach(() => sent.splice(0));

  const letters = (message: (to: string, subject: string, lines: readonly string[], path: string) => Promise<void>) =>
    makeLetters({ store: world.store, access: makeAccess(world), notifications: { message }, log: makeLog('silent', 'test') });
  const post: ReturnType<typeof letters> = (one) => letters(async (to, subject, _lines, path) => void sent.push({ to, subject, path }))(one);
  const letter = { to: 'market:invoices:get', subject: 'Paid', lines: ['Well.'], path: '/invoices/inv_1' } as const;

  const founded = async (name: string) => {
    const owner = await world.organization(name);
    const { organizationId, userId } = owner;
    await world.store.accounts.addMembership({ organizationId, userId, policies: ['Administrator'], groups: [], createdAt: 1 });
    return owner;
  };

  it('go to the members whose work it is, and to nobody of another organization', async () => {
    const owner = await founded('Harbor');
    await founded('Elsewhere');
    for (const [userId, policies] of [
      ['usr_bills', ['Billing']],
      ['usr_keys', []],
    ] as const) {
      await world.store.accounts.addUser({ _id: userId, email: `${userId}@demo.test`, name: userId, passwordHash: 'none', verifiedAt: 1, createdAt: 1 });
      await world.store.accounts.addMembership({ organizationId: owner.organizationId, userId, policies: [...policies], groups: [], createdAt: 2 });
    }
    await post({ ...letter, organizationId: owner.organizationId });
    expect(sent.map(({ to }) => to).sort()).to.deep.equal([`${owner.userId}@demo.test`, 'usr_bills@demo.test'].sort());
    expect(sent[0]).to.include({ subject: 'Paid', path: '/invoices/inv_1' });
  });

  it('never hold up what they tell of', async () => {
    const owner = await founded('Away');
    let tried = 0;
    const broken = letters(async () => {
      tried += 1;
      throw new Error('no mail server');
    });
    await broken({ ...letter, organizationId: owner.organizationId });
    await broken({ ...letter, organizationId: 'org_nobody' });
    expect(tried).to.equal(1);
  });
});
