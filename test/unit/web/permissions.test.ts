import { expect } from 'chai';
import fc from 'fast-check';
import { ACTIONS } from '../../../server/domain/actions.ts';
import type { Policy, Statement } from '../../../server/domain/policy.ts';
import { PRESETS } from '../../../server/domain/rights.ts';
import { faultLine, statementLines } from '../../../server/web/present/json-lines.ts';
import { rightsMatrix, services } from '../../../server/web/present/permissions.ts';
import { statementsOf, textOf } from '../../../server/web/present/policy-form.ts';

describe('the line of a fault in JSON', () => {
  it('is told exactly where the text stops being JSON', () => {
    expect(faultLine('{\n"a": [1, {"b": null}],\n"c": "x\\n"\n}')).to.equal(null);
    for (const [text, line] of [
      ['{\n"a": oops}', 2],
      ['{"a": 1,\n}', 2],
      ['[1,\n2\n', 2],
      ['{"a"\n1}', 2],
      ['[]\n\n[]', 3],
      ['{"a": [1}\n]', 1],
      ['', 1],
    ] as const)
      expect(faultLine(text), text).to.equal(line);
  });
  it('agrees with the parser on what is JSON', () => {
    const parses = (text: string) => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const broken = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', ',', '}', ']', ':', 'x', '0')).map(([text, at, put]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + put + text.slice(cut + 1);
    });
    fc.assert(fc.property(broken, (text) => (faultLine(text) === null) === parses(text)));
  });
  it('is the line on which a statement begins', () => {
    expect(statementLines('{\n"Version": "1.1",\n"Statement": [\n{"Effect": "[{", "Condition": {"x": {}}},\n\n{}]}')).to.deep.equal([4, 6]);
    expect(statementLines('{"Statement": [{},\n{ oops')).to.deep.equal([1, 2]);
    expect(statementLines('no JSON')).to.deep.equal([]);
  });
});

describe('the visual editor', () => {
  it('loses nothing of a document that it shows', () => {
    const patterns = fc.constantFrom(
      ...ACTIONS.filter((action) => !action.startsWith('platform:')),
      'apig:*',
      'market:*:get',
      'market:a*:get',
      'nothing:at:all',
    );
    const list = (of: fc.Arbitrary<string>) => fc.uniqueArray(of, { minLength: 1, maxLength: 4 });
    const condition = fc.record(
      {
        IpAddress: fc.record({ 'g:SourceIp': list(fc.constantFrom('10.0.0.0/8', '::1', 'x y')) }),
        DateLessThan: fc.record({ 'g:CurrentTime': list(fc.constantFrom('2030-01-01T00:00:00Z', 'soon')) }),
        StringMatch: fc.dictionary(fc.constantFrom('g:ResourceTag/env', 'g:ResourceTag/a b'), list(fc.constantFrom('p*', 'q')), { minKeys: 1 }),
      },
      { requiredKeys: [] },
    );
    const statement = fc.record(
      {
        Effect: fc.constantFrom('Allow', 'Deny'),
        Action: list(patterns),
        Resource: list(fc.constantFrom('*', 'gateway:gw_1', 'product:prd_1', 'odd')),
        Condition: condition,
      },
      { requiredKeys: ['Effect', 'Action'] },
    );
    // The order of a list says nothing; an empty condition is none.
    const plain = ({ Effect, Action, Resource, Condition }: Statement) => [
      Effect,
      [...Action].sort(),
      [...(Resource ?? [])].sort(),
      Condition && Object.keys(Condition).length > 0 ? Condition : null,
    ];
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1, maxLength: 3 }), (statements) => {
        const shown = statementsOf(JSON.stringify({ Version: '1.1', Statement: statements }), [{ value: 'gateway:gw_1', label: 'One', gatewayId: 'gw_1' }]);
        const { text, faults } = textOf(shown ?? []);
        expect(faults).to.deep.equal([]);
        expect((JSON.parse(text) as Policy).Statement.map(plain)).to.deep.equal((statements as Statement[]).map(plain));
      }),
    );
  });
  it('offers every action of organizations', () => {
    expect(services.flatMap(({ actions }) => actions).sort()).to.deep.equal(ACTIONS.filter((action) => !action.startsWith('platform:')));
  });
});

describe('the words of actions', () => {
  it('stand for every kind of action that organizations are given', () => {
    for (const { service, title } of services) expect(title, service).to.not.equal(service);
  });
});

describe('the matrix of roles', () => {
  const cell = (document: Policy, area: string) => rightsMatrix([{ id: 'x', name: 'x', document }]).rows.find(({ title }) => title === area)?.cells[0]?.grant;
  it('tells what a preset grants in each area', () => {
    expect(cell(PRESETS['Administrator'] as Policy, 'Members and rights')).to.equal('changes');
    expect(cell(PRESETS['ReadOnlyAccess'] as Policy, 'Members and rights')).to.equal('sees');
    expect(cell(PRESETS['Developer'] as Policy, 'Members and rights')).to.equal('nothing');
    expect(cell(PRESETS['Developer'] as Policy, 'Apps and keys')).to.equal('changes');
    expect(cell(PRESETS['Billing'] as Policy, 'Usage')).to.equal('sees');
    expect(cell(PRESETS['Billing'] as Policy, 'Seller profile and earnings')).to.equal('sees');
  });
  it('counts every action but those on the own account and keys', () => {
    for (const { service, actions } of services) {
      const Statement: Statement[] = [{ Effect: 'Allow', Action: actions }];
      const told = rightsMatrix([{ id: 'x', name: 'x', document: { Version: '1.1', Statement } }]).rows.some(({ cells }) => cells[0]?.grant !== 'nothing');
      expect(told, service).to.equal(!['market:account', 'market:ownKeys'].includes(service));
    }
  });
  it('says partly where a statement is limited or a denial takes some of it', () => {
    const policy = (...Statement: Statement[]): Policy => ({ Version: '1.1', Statement });
    const all: Statement = { Effect: 'Allow', Action: ['market:*'] };
    expect(cell(policy({ ...all, Resource: ['product:prd_1'] }), 'Products and plans')).to.equal('partly');
    expect(cell(policy(all, { Effect: 'Deny', Action: ['market:usage:get'] }), 'Usage')).to.equal('nothing');
    expect(cell(policy(all, { Effect: 'Deny', Action: ['market:usage:get'], Condition: { IpAddress: { 'g:SourceIp': ['10.0.0.0/8'] } } }), 'Usage')).to.equal(
      'partly',
    );
    expect(cell(policy({ Effect: 'Deny', Action: ['market:*'] }), 'Usage')).to.equal('nothing');
  });
});
