import { expect } from 'chai';
import fc from 'fast-check';
import { ACTIONS, expandAction, type Action } from '../../../server/domain/actions.ts';
import type { Actor, HeldPolicy } from '../../../server/domain/actor.ts';
import { isServiceAccount, SYSTEM } from '../../../server/domain/actor.ts';
import type { Policy, Statement } from '../../../server/domain/policy.ts';
import { decide, explain, isAllowed, looksAtResources, PRESETS } from '../../../server/domain/rights.ts';

const holding = (...policies: (string | HeldPolicy)[]): Actor => ({
  kind: 'user',
  userId: 'usr_1',
  organizationId: 'org_1',
  policies,
  address: '10.1.2.3',
  requestId: 'req_1',
  at: Date.UTC(2027, 0, 15),
});
const own = (...statements: Statement[]): HeldPolicy => ({
  id: 'pol_1',
  name: 'Own',
  via: '',
  document: { Version: '1.1', Statement: statements } satisfies Policy,
});
const allow = (Action: string[], Resource?: string[], Condition?: Statement['Condition']): Statement => ({
  Effect: 'Allow',
  Action,
  ...(Resource && { Resource }),
  ...(Condition && { Condition }),
});
const deny = (...args: Parameters<typeof allow>): Statement => ({ ...allow(...args), Effect: 'Deny' });

describe('decide', () => {
  it('denies what nothing allows, and says so', () => {
    const decision = decide(holding(), 'apig:groups:create', 'gateway:gw_1');
    expect(decision).to.deep.equal({ allowed: false, because: 'default' });
    expect(explain(decision, 'apig:groups:create')).to.include('Nothing allows “apig:groups:create”');
  });

  it('lets Deny win over Allow, in whatever order, and names the statement that decides', () => {
    for (const statements of [
      [allow(['apig:*']), deny(['apig:apis:publish'])],
      [deny(['apig:apis:publish']), allow(['apig:*'])],
    ]) {
      const policy = own(...statements);
      const decision = decide(holding('Administrator', policy), 'apig:apis:publish', 'gateway:gw_1/group:grp_1/api:api_1');
      expect(decision).to.include({ allowed: false, because: 'statement', policy });
      expect(statements[decision.statement ?? -1]?.Effect).to.equal('Deny');
    }
  });

  it('limits a statement to its resource and what lies beneath', () => {
    const actor = holding(own(allow(['apig:*'], ['gateway:gw_1/group:grp_1'])));
    expect(isAllowed(actor, 'apig:apis:update', 'gateway:gw_1/group:grp_1/api:api_1')).to.equal(true);
    expect(isAllowed(actor, 'apig:groups:update', 'gateway:gw_1/group:grp_1')).to.equal(true);
    expect(isAllowed(actor, 'apig:groups:update', 'gateway:gw_1/group:grp_2')).to.equal(false);
    expect(isAllowed(actor, 'apig:groups:create', 'gateway:gw_1')).to.equal(false);
    expect(isAllowed(actor, 'apig:groups:get', 'gateway:gw_2/group:grp_1')).to.equal(false);
  });

  it('opens a list when something in it may be meant, and something new only where all of its kind is', () => {
    const some = holding(own(allow(['apig:*'], ['gateway:gw_1'])));
    expect(isAllowed(some, 'apig:instances:get')).to.equal(true);
    expect(isAllowed(some, 'apig:groups:get', 'gateway:gw_1/*')).to.equal(true);
    expect(isAllowed(some, 'apig:groups:get', 'gateway:gw_2/*')).to.equal(false);
    expect(isAllowed(some, 'apig:instances:create')).to.equal(false);
    expect(isAllowed(holding(own(allow(['apig:*'], ['gateway:*']))), 'apig:instances:create')).to.equal(true);
    const without = holding('FullAccess', own(deny(['apig:instances:get'], ['gateway:gw_2'])));
    expect(isAllowed(without, 'apig:instances:get')).to.equal(true);
    expect(isAllowed(without, 'apig:instances:get', 'gateway:gw_2')).to.equal(false);
  });

  it('asks for address, time and tags', () => {
    const office = holding(own(allow(['apig:*:get'], undefined, { IpAddress: { 'g:SourceIp': ['10.0.0.0/8'] } })));
    expect(isAllowed(office, 'apig:instances:get', 'gateway:gw_1')).to.equal(true);
    expect(isAllowed({ ...office, address: '192.0.2.1' }, 'apig:instances:get', 'gateway:gw_1')).to.equal(false);
    const january = holding(own(allow(['apig:*:get'], undefined, { DateLessThan: { 'g:CurrentTime': ['2027-02-01T00:00:00Z'] } })));
    expect(isAllowed(january, 'apig:instances:get', 'gateway:gw_1')).to.equal(true);
    expect(isAllowed({ ...january, at: Date.UTC(2027, 1, 1) }, 'apig:instances:get', 'gateway:gw_1')).to.equal(false);
    const team = holding(own(allow(['apig:*'], ['gateway:*'], { StringMatch: { 'g:ResourceTag/team': ['map*'] } })));
    expect(isAllowed(team, 'apig:instances:update', 'gateway:gw_1', { team: 'maps' })).to.equal(true);
    expect(isAllowed(team, 'apig:instances:update', 'gateway:gw_1', { team: 'cards' })).to.equal(false);
    expect(isAllowed(team, 'apig:instances:update', 'gateway:gw_1', {})).to.equal(false);
    expect(isAllowed(team, 'apig:instances:get')).to.equal(true);
    expect(isAllowed(team, 'apig:instances:create')).to.equal(false);
  });

  it('fails closed where a Deny cannot be said', () => {
    const actor = holding('FullAccess', own(deny(['apig:instances:create'], undefined, { StringEquals: { 'g:ResourceTag/stage': ['live'] } })));
    expect(isAllowed(actor, 'apig:instances:create')).to.equal(false);
    expect(isAllowed(actor, 'apig:instances:update', 'gateway:gw_1', { stage: 'test' })).to.equal(true);
  });

  it('keeps platform actions for operators, whatever a policy says', () => {
    const actor = holding('Operator', own(allow(['platform:*'])));
    expect(decide(actor, 'platform:periods:close').because).to.equal('platform');
    expect(isAllowed({ ...actor, organizationId: 'org_platform' }, 'platform:periods:close')).to.equal(true);
    expect(expandAction('*')).to.not.include('platform:periods:close');
  });

  it('leaves nothing but the own account to a sign-in that does not fulfil a rule of the organization', () => {
    const actor: Actor = { ...holding('Self', 'Administrator'), restrictions: ['Your organization asks for a second factor.'] };
    expect(decide(actor, 'apig:instances:get')).to.deep.equal({ allowed: false, because: 'rule', rule: 'Your organization asks for a second factor.' });
    expect(isAllowed(actor, 'market:account:update')).to.equal(true);
  });

  it('lets the system do everything', () => {
    expect(decide(SYSTEM, 'platform:periods:close')).to.deep.equal({ allowed: true, because: 'system' });
  });

  it('gives each preset what its name says, and needs no resource for them', () => {
    const reader = holding('ReadOnlyAccess');
    for (const action of ACTIONS.filter((name) => !name.startsWith('platform:'))) {
      expect(isAllowed(reader, action), action).to.equal(action.endsWith(':get'));
      expect(isAllowed(holding('Administrator'), action), action).to.equal(true);
    }
    expect(looksAtResources(holding(...Object.keys(PRESETS)))).to.equal(false);
  });

  it('never allows more when a Deny is added (law)', () => {
    const actions = ACTIONS.filter((name) => !name.startsWith('platform:'));
    const statement = fc.record({
      Effect: fc.constantFrom('Allow' as const, 'Deny' as const),
      Action: fc.array(fc.constantFrom('*', 'apig:*', 'apig:apis:*', 'market:*:get', ...actions), { minLength: 1, maxLength: 3 }),
      Resource: fc.array(fc.constantFrom('*', 'gateway:*', 'gateway:gw_1', 'gateway:gw_1/group:grp_1', 'product:*'), { minLength: 1, maxLength: 2 }),
    });
    const target = fc.constantFrom(undefined, 'gateway:gw_1', 'gateway:gw_1/group:grp_1', 'gateway:gw_1/*', 'gateway:gw_2', 'product:prd_1', '*');
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 6 }), statement, fc.constantFrom(...actions), target, (given, more, action: Action, aim) => {
        const before = isAllowed(holding(own(...given)), action, aim);
        const after = isAllowed(holding(own(...given, { ...more, Effect: 'Deny' })), action, aim);
        return before || !after;
      }),
    );
  });
});

describe('a service account', () => {
  it('is told by its id, whatever it came with; people and the system are none', () => {
    expect(isServiceAccount({ userId: 'sva_1' })).to.equal(true);
    for (const userId of ['usr_1', '', 'usr_sva_1', 'sva']) expect(isServiceAccount({ userId }), userId).to.equal(false);
    expect(isServiceAccount(SYSTEM)).to.equal(false);
  });
});
