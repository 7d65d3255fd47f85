import { expect } from 'chai';
import fc from 'fast-check';
import { checkPolicy, checkPolicyText, POLICY_BYTES_MAX, STATEMENTS_MAX } from '../../../server/domain/policy-check.ts';
import { PRESETS } from '../../../server/domain/rights.ts';

const check = (...statements: unknown[]) => checkPolicy({ Version: '1.1', Statement: statements }).faults.map(({ path, statement }) => [path, statement]);
const allow = { Effect: 'Allow', Action: ['apig:apis:get'] };

describe('checkPolicy', () => {
  it('takes what can work, the reference system’s example among it', () => {
    const statement = {
      Effect: 'Allow',
      Action: ['apig:apis:create', 'apig:groups:*'],
      Resource: ['gateway:gw_1/group:grp_1'],
      Condition: {
        IpAddress: { 'g:SourceIp': ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1-192.0.2.9'] },
        DateLessThan: { 'g:CurrentTime': ['2027-12-31T00:00:00Z'] },
        StringEquals: { 'g:ResourceTag/team': ['maps'] },
      },
    };
    expect(check(statement)).to.deep.equal([]);
    for (const [name, preset] of Object.entries(PRESETS)) if (name !== 'Operator') expect(checkPolicy(preset).faults, name).to.deep.equal([]);
  });

  const refusals: readonly [string, unknown, string][] = [
    ['an unknown action', { ...allow, Action: ['apig:apis:fly'] }, 'Statement[1].Action[0]'],
    ['an action of the platform', { ...allow, Action: ['apig:apis:get', 'platform:*'] }, 'Statement[1].Action[1]'],
    ['no action', { Effect: 'Allow' }, 'Statement[1].Action'],
    ['another effect', { ...allow, Effect: 'allow' }, 'Statement[1].Effect'],
    ['an unknown field', { ...allow, Principal: '*' }, 'Statement[1].Principal'],
    ['what is no resource', { ...allow, Resource: ['gateways:1'] }, 'Statement[1].Resource[0]'],
    ['a resource its actions are never done to', { ...allow, Resource: ['product:prd_1'] }, 'Statement[1].Resource[0]'],
    [
      'a resource below what its actions are done to',
      { ...allow, Action: ['apig:instances:get'], Resource: ['gateway:gw_1/group:grp_1'] },
      'Statement[1].Resource[0]',
    ],
    ['a resource for what has none', { ...allow, Action: ['market:invoices:get'], Resource: ['subscription:sub_1'] }, 'Statement[1].Resource[0]'],
    ['an unknown operator', { ...allow, Condition: { Bool: { 'g:SourceIp': ['x'] } } }, 'Statement[1].Condition.Bool'],
    ['a key of another operator', { ...allow, Condition: { IpAddress: { 'g:CurrentTime': ['10.0.0.1'] } } }, 'Statement[1].Condition.IpAddress.g:CurrentTime'],
    ['what is no address', { ...allow, Condition: { IpAddress: { 'g:SourceIp': ['10.0.0.300'] } } }, 'Statement[1].Condition.IpAddress.g:SourceIp[0]'],
    ['what is no time', { ...allow, Condition: { DateLessThan: { 'g:CurrentTime': ['tomorrow'] } } }, 'Statement[1].Condition.DateLessThan.g:CurrentTime[0]'],
    [
      'a day no calendar has',
      { ...allow, Condition: { DateLessThan: { 'g:CurrentTime': ['2027-13-01T00:00:00Z'] } } },
      'Statement[1].Condition.DateLessThan.g:CurrentTime[0]',
    ],
    [
      'tags of what has none',
      { ...allow, Action: ['market:products:get'], Condition: { StringEquals: { 'g:ResourceTag/a': ['b'] } } },
      'Statement[1].Condition.StringEquals.g:ResourceTag/a',
    ],
    [
      'times that exclude each other',
      { ...allow, Condition: { DateGreaterThan: { 'g:CurrentTime': ['2027-02-01T00:00:00Z'] }, DateLessThan: { 'g:CurrentTime': ['2027-01-01T00:00:00Z'] } } },
      'Statement[1].Condition',
    ],
    [
      'addresses that exclude each other',
      { ...allow, Condition: { IpAddress: { 'g:SourceIp': ['10.0.0.0/9', '10.128.0.1'] }, NotIpAddress: { 'g:SourceIp': ['10.0.0.0-10.200.0.0'] } } },
      'Statement[1].Condition',
    ],
    ['every address excluded', { ...allow, Condition: { NotIpAddress: { 'g:SourceIp': ['0.0.0.0/0', '::/0'] } } }, 'Statement[1].Condition'],
    [
      'a tag that must be and must not be the same',
      { ...allow, Condition: { StringEquals: { 'g:ResourceTag/env': ['prod'] }, StringNotEquals: { 'g:ResourceTag/env': ['prod', 'test'] } } },
      'Statement[1].Condition',
    ],
    [
      'a tag whose value does not fit its pattern',
      { ...allow, Condition: { StringEquals: { 'g:ResourceTag/env': ['prod'] }, StringMatch: { 'g:ResourceTag/env': ['dev*'] } } },
      'Statement[1].Condition',
    ],
    [
      'a pattern of a tag within a forbidden one',
      { ...allow, Condition: { StringMatch: { 'g:ResourceTag/env': ['dev-*-x'] }, StringNotMatch: { 'g:ResourceTag/env': ['dev*'] } } },
      'Statement[1].Condition',
    ],
    ['what is no statement', 'Allow', 'Statement[1]'],
  ];
  for (const [what, statement, path] of refusals) {
    it(`refuses ${what}, at the statement at fault`, () => expect(check(allow, statement)).to.deep.equal([[path, 1]]));
  }

  it('refuses an Allow that a Deny of the same document takes back whole', () => {
    expect(check(allow, { Effect: 'Deny', Action: ['apig:*'] })).to.deep.equal([['Statement[0]', 0]]);
    expect(check({ ...allow, Resource: ['gateway:gw_1'] }, { Effect: 'Deny', Action: ['apig:*'], Resource: ['gateway:*'] })).to.deep.equal([
      ['Statement[0]', 0],
    ]);
    expect(check(allow, { Effect: 'Deny', Action: ['apig:*'], Resource: ['gateway:gw_1'] })).to.deep.equal([]);
  });

  it('takes conditions on one thing that leave something', () => {
    for (const Condition of [
      { IpAddress: { 'g:SourceIp': ['10.0.0.0/8'] }, NotIpAddress: { 'g:SourceIp': ['10.0.0.0-10.255.255.254'] } },
      { NotIpAddress: { 'g:SourceIp': ['0.0.0.0/0'] } },
      { IpAddress: { 'g:SourceIp': ['::/0'] }, NotIpAddress: { 'g:SourceIp': ['0.0.0.0/0', '::1'] } },
      { StringEquals: { 'g:ResourceTag/env': ['prod', 'test'] }, StringNotEquals: { 'g:ResourceTag/env': ['prod'] } },
      { StringEquals: { 'g:ResourceTag/env': ['prod'] }, StringNotEquals: { 'g:ResourceTag/team': ['prod'] } },
      { StringMatch: { 'g:ResourceTag/env': ['dev*'] }, StringNotMatch: { 'g:ResourceTag/env': ['dev-*'] } },
      // Where the tag is missing.
      { StringNotMatch: { 'g:ResourceTag/env': ['*'] } },
    ])
      expect(check({ ...allow, Condition }), JSON.stringify(Condition)).to.deep.equal([]);
  });

  it('refuses an Allow that several Denies take back together, or one under the same condition', () => {
    const two = { Effect: 'Allow', Action: ['apig:apis:get', 'apig:groups:get'] };
    const deny = (Action: string, more: object = {}) => ({ Effect: 'Deny', Action: [Action], ...more });
    const inside = { Condition: { IpAddress: { 'g:SourceIp': ['10.0.0.0/8'] } } };
    const { faults } = checkPolicy({ Version: '1.1', Statement: [two, deny('apig:apis:*'), deny('apig:groups:*')] });
    expect(faults.map(({ path, message }) => [path, message])).to.deep.equal([
      ['Statement[0]', 'Statements 2 and 3 deny all that this one allows: it would never apply.'],
    ]);
    expect(check(two, deny('apig:apis:*'))).to.deep.equal([]);
    expect(check({ ...allow, ...inside }, deny('apig:*', inside))).to.deep.equal([['Statement[0]', 0]]);
    expect(check(allow, deny('apig:*', { Condition: {} }))).to.deep.equal([['Statement[0]', 0]]);
    expect(check(allow, deny('apig:*', inside))).to.deep.equal([]);
  });

  it('refuses what is too large, is no JSON, or no policy', () => {
    const faults = (text: string) => checkPolicyText(text).faults.map(({ message }) => message)[0];
    expect(faults('{')).to.include('not JSON');
    expect(faults(`"${'x'.repeat(POLICY_BYTES_MAX)}"`)).to.include('larger');
    expect(faults('[]')).to.include('JSON object');
    expect(faults('{"Version":"1.0","Statement":[{"Effect":"Allow","Action":["apig:*"]}]}')).to.include('1.1');
    expect(check(...Array.from({ length: STATEMENTS_MAX + 1 }, () => allow))).to.deep.equal([['Statement', null]]);
  });

  it('never throws, whatever it is given (law)', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => Array.isArray(checkPolicy(value).faults)));
    fc.assert(fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), (Statement) => Array.isArray(checkPolicy({ Version: '1.1', Statement }).faults)));
  });
});
