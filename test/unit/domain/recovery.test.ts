import { expect } from 'chai';
import fc from 'fast-check';
import { ASK_PATIENCE_MS, recoveryObstacle, whoHelps, type Recoverable } from '../../../server/domain/recovery.ts';

const account: Recoverable = { userId: 'usr_1', organizations: ['org_1'], hasFactor: true, hasPassword: true, addressProved: true };
const chief = { userId: 'usr_2', organizationId: 'org_1' };
const operator = { userId: 'usr_3', organizationId: 'org_platform' };

describe('recoveryObstacle', () => {
  it('lets administrators decide over accounts that open nothing but their organization', () => {
    expect(recoveryObstacle(account, chief, 'administrator')).to.equal(null);
    for (const organizations of [[], ['org_2'], ['org_1', 'org_2'], ['org_1', 'org_platform']])
      expect(recoveryObstacle({ ...account, organizations }, chief, 'administrator'), organizations.join()).to.equal('elsewhere');
  });

  it('lets operators decide over every account but their own, and nobody call himself one', () => {
    for (const organizations of [[], ['org_2'], ['org_1', 'org_2'], ['org_platform']])
      expect(recoveryObstacle({ ...account, organizations }, operator, 'operator'), organizations.join()).to.equal(null);
    expect(recoveryObstacle({ ...account, userId: 'usr_3' }, operator, 'operator')).to.equal('own');
    expect(recoveryObstacle(account, chief, 'operator')).to.equal('elsewhere');
  });

  it('names what is missing', () => {
    expect(recoveryObstacle({ ...account, hasFactor: false }, chief, 'administrator')).to.equal('no-factor');
    expect(recoveryObstacle({ ...account, hasPassword: false }, chief, 'administrator')).to.equal('no-password');
    expect(recoveryObstacle({ ...account, addressProved: false }, operator, 'operator')).to.equal('unproved');
    expect(recoveryObstacle({ ...account, userId: 'usr_2' }, chief, 'administrator')).to.equal('own');
  });

  it('never lets an administrator decide over an account that opens another organization, whatever else holds (law)', () => {
    const some = fc.record({
      userId: fc.constantFrom('usr_1', 'usr_2'),
      organizations: fc.uniqueArray(fc.constantFrom('org_1', 'org_2', 'org_platform')),
      hasFactor: fc.boolean(),
      hasPassword: fc.boolean(),
      addressProved: fc.boolean(),
    });
    fc.assert(
      fc.property(some, fc.constantFrom('org_1', 'org_2', 'org_platform'), (one, organizationId) => {
        const may = recoveryObstacle(one, { userId: 'usr_2', organizationId }, 'administrator') === null;
        return !may || (one.organizations.length === 1 && one.organizations[0] === organizationId && one.userId !== 'usr_2');
      }),
    );
  });
});

describe('whoHelps', () => {
  const asked = { organizations: ['org_1'], helpers: 1, before: null, now: 10 * ASK_PATIENCE_MS };
  it('is the only organization, where another one may; else the operators', () => {
    expect(whoHelps(asked)).to.equal('org_1');
    expect(whoHelps({ ...asked, helpers: 0 })).to.equal('org_platform');
    expect(whoHelps({ ...asked, organizations: [] })).to.equal('org_platform');
    expect(whoHelps({ ...asked, organizations: ['org_1', 'org_2'] })).to.equal('org_platform');
  });
  it('is the operators after a day in which nobody helped, and stays so', () => {
    const before = (askedAt: number, to = 'org_1') => whoHelps({ ...asked, before: { to, askedAt } });
    expect(before(asked.now - ASK_PATIENCE_MS + 1)).to.equal('org_1');
    expect(before(asked.now - ASK_PATIENCE_MS)).to.equal('org_platform');
    expect(before(asked.now - 1, 'org_platform')).to.equal('org_platform');
  });
});
