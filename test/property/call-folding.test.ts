import { expect } from 'chai';
import fc from 'fast-check';
import { batchBuilder, hourOf, HOUR_MS } from '../../server/domain/batches.ts';
import { sharedRows } from '../../server/domain/call-lines.ts';
import type { CallRecord } from '../../server/domain/metering.ts';
import { callRecord } from '../support/calls.ts';

const NOW = 1_900_000_000_000;
const one = (...values: string[]) => fc.constantFrom(...values);
const records = fc.array(
  fc
    .record({
      admittedAt: fc.constantFrom(NOW, NOW - 1, NOW - HOUR_MS, NOW - 90 * 24 * HOUR_MS),
      gatewayId: one('gw_1', 'gw_2'),
      apiId: one('api_1', 'api_2'),
      environmentId: one('env_1', 'env_2'),
      operation: one('GET /a', 'GET /b'),
      appId: one('app_1', 'app_2'),
      credentialId: one('crd_1', 'crd_2', ''),
      subscriptionId: fc.constantFrom('sub_1', 'sub_2', null),
      window: one('0.0', '0.1'),
      planVersionId: one('plan_1_v1', 'plan_1_v2'),
      outcome: fc.constantFrom('200' as const, '404' as const, 'aborted' as const),
      method: one('GET', 'HEAD'),
      via: one('', 'con_1'),
      bytesOut: fc.nat(100),
    })
    .map((over) => callRecord(over)),
  { maxLength: 60 },
);

/** As many groups as there are values of the key, in the order of their first members. */
const groups = (list: readonly CallRecord[], key: (record: CallRecord) => unknown[]) => {
  const found = new Map<string, CallRecord[]>();
  for (const record of list) {
    const joined = JSON.stringify(key(record));
    found.set(joined, [...(found.get(joined) ?? []), record]);
  }
  return [...found.values()];
};

describe('folding of calls', () => {
  it('names the same row for the same things, and another one for any other', () => {
    fc.assert(
      fc.property(records, (list) => {
        const row = sharedRows();
        const named = list.map((record) => row(record).id);
        const keys = groups(list, (r) => [
          ...[r.gatewayId, r.apiId, r.environmentId, r.operation, r.appId, r.credentialId],
          ...[r.subscriptionId, r.window, r.planVersionId, r.method, r.via],
        ]);
        expect(new Set(named).size).to.equal(keys.length);
        for (const members of keys) expect(new Set(members.map((member) => named[list.indexOf(member)])).size).to.equal(1);
      }),
    );
  });

  it('folds what ended alike within an hour into one entry, and nothing else, in the order of their first calls', () => {
    fc.assert(
      fc.property(records, (list) => {
        const builder = batchBuilder({ node: 'gw1', boot: 1, segment: 1, receivedAt: () => NOW });
        for (const record of list) builder.add(record, record.outcome, 'x\n');
        const { entries, calls } = builder.finish();
        const tooOld = (r: CallRecord) => r.admittedAt < NOW - 35 * 24 * HOUR_MS;
        const keys = groups(list, (r) => [
          ...[r.apiId, r.operation, r.appId, r.credentialId, r.subscriptionId, r.window, hourOf(r.admittedAt)],
          tooOld(r) ? 'refused.too-old' : r.outcome,
        ]);
        expect(entries.map((entry) => [entry.calls, entry.bytesOut])).to.deep.equal(
          keys.map((members) => [BigInt(members.length), BigInt(members.reduce((sum, { bytesOut }) => sum + bytesOut, 0))]),
        );
        expect(entries.map((entry) => [entry.credentialId, entry.apiId, entry.hour])).to.deep.equal(
          keys.map((members) => [members[0]?.credentialId, members[0]?.apiId, hourOf(members[0]?.admittedAt ?? 0)]),
        );
        expect(calls).to.equal(list.length);
      }),
    );
  });
});
