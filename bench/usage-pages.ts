// What a usage page costs the database, on the resolved engine: the figures of docs/decisions/0006.
// `MONGODB_URI=… node --import tsx bench/usage-pages.ts [batches]`: fills a database of its own, checks the answers, measures, drops it.
import { makeClock } from '../server/kernel/clock.ts';
import { openStore } from '../server/store/index.ts';
import { makeMetering } from '../server/services/metering.ts';
import { makeUsageTotals } from '../server/services/usage-totals.ts';
import { makeLog } from '../server/kernel/log.ts';
import type { UsageEntry } from '../server/store/usage.ts';
import { SYSTEM } from '../server/domain/actor.ts';
import { parsePlanDocument } from '../server/domain/plan.ts';

const BATCHES = Number(process.argv[2] ?? 5_000);
const ROUNDS = 5;
const HOUR_MS = 3_600_000;
const DAYS = 30;
const SUBS = ['sub_a', 'sub_b', 'sub_c', 'sub_d'];
const CALLS = 7n;

const uri = process.env.MONGODB_URI;
if (!uri) throw new Error('MONGODB_URI is not set');
const url = new URL(uri);
url.pathname = `/bench_usage_${process.pid}`;
const store = await openStore(url.toString());
const end = Date.UTC(2030, 5, 1);
const start = end - DAYS * 24 * HOUR_MS;

const reading = parsePlanDocument({
  currency: 'usd',
  interval: 'month',
  base_amount: 0,
  meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.2' } }],
});
if (reading.fault) throw new Error(reading.fault.path);
const { document } = reading;

/** @returns the median, ms */
async function measure<T>(name: string, right: (answer: T) => boolean, work: () => Promise<T>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    const answer = await work();
    times.push(performance.now() - startedAt);
    if (!right(answer)) throw new Error(`${name}: wrong answer`);
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
  console.log(`| ${name} | ${median.toFixed(1)} |`);
  return median;
}

try {
  const entriesAt = (n: number): UsageEntry[] => {
    const hour = start + Math.floor((n * DAYS * 24) / BATCHES) * HOUR_MS;
    return SUBS.flatMap((sub, s) =>
      ['200', '404', 'refused.throttled'].map((outcome, o): UsageEntry => ({
        sub,
        window: '0.0',
        hour,
        app: `app_${s}`,
        credential: `crd_${s}${n % 2}`,
        api: 'api_1',
        operation: `GET /things/${(n + o) % 5}`,
        outcome,
        calls: CALLS,
        units: { requests: CALLS },
        bytesIn: 700n,
        bytesOut: 9_000n,
      })),
    );
  };
  for (let n = 0; n < BATCHES; n += 1) {
    const entries = entriesAt(n);
    const hour = entries[0]?.hour ?? 0;
    await store.usage.addBatch({
      _id: `gw1.1.${n + 1}.0`,
      node: 'gw1',
      boot: '1',
      number: n + 1,
      entries,
      subs: SUBS,
      windows: SUBS.map((sub) => `${sub}|0.0`),
      minTs: hour,
      maxTs: hour + HOUR_MS - 1,
      storedAt: hour + HOUR_MS,
      sha256: 'x',
    });
  }
  const clock = makeClock({ real: () => end });
  const audit = { append: async () => undefined } as never;
  const totals = makeUsageTotals({
    store: {
      ...store,
      periods: {
        many: async (ids: string[]) =>
          ids.map((id) => ({ subscriptionId: id.slice(0, -2), index: 0, windows: [{ changeIndex: 0, from: start, planVersionId: 'v' }] })),
      },
      products: { planVersions: async () => [{ _id: 'v', document }] },
    } as never,
    audit,
    clock,
    log: makeLog('silent', 'bench'),
  });
  const subscriptions = { many: async (ids: string[]) => ids.map((_id) => ({ _id, organizationId: 'org', providerId: 'org' })) };
  const metering = makeMetering({ store: { ...store, subscriptions } as never, totals, audit, clock });
  const rolledAt = performance.now();
  if ((await totals.rollUp()) !== BATCHES) throw new Error('not every batch was counted');
  while ((await totals.splits.advance(BATCHES)) > 0);
  console.log(`counted at ${Math.round((BATCHES * 1_000) / (performance.now() - rolledAt))} batches/s, ${SUBS.length} totals and as many splits each`);
  const actor = { ...SYSTEM, organizationId: 'org' };
  const usage = (by: 'day' | 'operation' | 'subscription', days: number) =>
    metering.usage(actor, { subscriptionIds: ['sub_a'], from: end - days * 24 * HOUR_MS, to: end, by });
  const calls = (rows: readonly { calls: bigint }[]): bigint => rows.reduce((sum, row) => sum + row.calls, 0n);
  const all = BigInt(BATCHES) * CALLS * 3n;
  console.log(`${BATCHES} batches of ${DAYS} days, median of ${ROUNDS}\n\n| question | ms |\n|---|---|`);
  /** How a split was read before there were splits: the baseline of the ratio. */
  const fromBatches = async (sub: string, from: number): Promise<{ rows: { calls: bigint }[] }> => {
    const rows = new Map<string, { calls: bigint }>();
    const entries = (await store.usage.batchesOf(sub, from - 24 * HOUR_MS, end)).flatMap((batch) => batch.entries).filter((entry) => entry.sub === sub);
    for (const entry of entries.filter(({ hour }) => hour + HOUR_MS > from && hour < end)) {
      const row = rows.get(entry.operation) ?? { calls: 0n };
      rows.set(entry.operation, row);
      row.calls += entry.calls;
    }
    return { rows: [...rows.values()] };
  };
  const before = await measure(
    'split by operation, 30 days, from batches',
    ({ rows }) => calls(rows) === all,
    () => fromBatches('sub_a', start),
  );
  const after = await measure(
    'split by operation, 30 days, from splits',
    ({ rows }) => calls(rows) === all,
    () => usage('operation', DAYS),
  );
  const ratio = before / after;
  await measure(
    'usage page: 30 days, split by operation and chart by day',
    ([a, b]) => calls(a.rows) === all && calls(b.rows) === all,
    () => Promise.all([usage('operation', DAYS), usage('day', DAYS)]),
  );
  await measure(
    'usage page: 7 days',
    ([a, b]) => calls(a.rows) === calls(b.rows),
    () => Promise.all([usage('operation', 7), usage('day', 7)]),
  );
  await measure(
    'chart alone: 30 days by day',
    ({ rows }) => calls(rows) === all,
    () => usage('day', DAYS),
  );
  await measure(
    'dashboard: calls of the last day',
    ({ rows }) => calls(rows) > 0n,
    () => usage('subscription', 1),
  );
  await measure(
    'dashboard: places of the window',
    (places) => places['requests'] === BigInt(BATCHES) * CALLS * 2n,
    () => metering.placesOf('sub_a', '0.0'),
  );
  await measure(
    'dashboard: billable units of the window',
    (units) => units['requests'] === BigInt(BATCHES) * CALLS,
    () => metering.billableOf('sub_a', '0.0'),
  );
  await measure(
    'quota: the count of the window, to open it',
    ({ units }) => units === BigInt(BATCHES) * CALLS * 2n,
    () => metering.storedPlaces('sub_a', '0.0', 'requests'),
  );
  console.log(`\na split reads ${ratio.toFixed(1)} times as fast as from batches`);
} finally {
  await store.connection.dropDatabase();
  await store.close();
}
