// `npm run bench:gateway [-- --rounds 6 --seconds 3 --connections 64 --engine direct --loose --profile FOLDER]`
// The full job (authentication, grant, the plan's rate and hard quota, receipt, strict journal, shipping) against plain http-proxy that checks
// nothing, in interleaved rounds. What counts is answered calls per second of processor time of the process, as a ratio within each round:
// the machine and its neighbours change from minute to minute. Exit code 1: below the floor, or something was answered and not counted.
import { parseArgs } from 'node:util';
import type { FullCounts, FullSettings } from './full-gateway.ts';
import type { LoadResult, LoadSettings } from './load.ts';
import { runOnce, startPeer } from './processes.ts';
import { credentialFields, SMALL_QUOTA, SMALL_RATE, type Proof } from './world.ts';

const KEYS = 100;
const FLOOR = 1.4;
const GOAL = 1.7;
const WARM_UP_SECONDS = 3;
const OURS = '/bench/items';
const THEIRS = '/items';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    engine: { type: 'string', default: 'direct' },
    loose: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const { MONGODB_URI, REDIS_URL } = process.env;
if (!MONGODB_URI || !REDIS_URL) throw new Error('MONGODB_URI and REDIS_URL are not set: npm run bench:gateway starts the engines');
const mongodbUri = new URL(MONGODB_URI);
mongodbUri.pathname = `/bench_gateway_${process.pid}`;

const upstream = await startPeer('./upstream.js', { core: 'other' });
const plain = await startPeer('./plain-proxy.js', { core: 'gateway', profileTo: values.profile }, { upstream: upstream.port });
const fullSettings: FullSettings = {
  upstream: upstream.port,
  subscriptions: KEYS,
  engine: values.engine === 'http-proxy' || values.engine === 'undici' ? values.engine : 'direct',
  strict: !values.loose,
  mongodbUri: mongodbUri.toString(),
  redisUrl: REDIS_URL,
  redisPrefix: `bench:${process.pid}:`,
};
const full = await startPeer('./full-gateway.js', { core: 'gateway', profileTo: values.profile }, fullSettings);

/** Answers of 200 by either side, all of which the provider must have seen, and those of ours, which must be counted. */
const answered = { plain: 0, full: 0 };

/** Nothing is measured that does not do its job: refuse without a key, with a wrong one, above quota and rate; answer what the provider said. */
async function check(): Promise<void> {
  const host = `127.0.0.1:${full.port}`;
  const call = async (what: string, expected: number, headers: Record<string, string>) => {
    const answer = await fetch(`http://${host}${OURS}`, { headers });
    const text = await answer.text();
    if (answer.status !== expected) throw new Error(`${what}: ${answer.status} in place of ${expected}: ${text}`);
    if (expected === 200) answered.full += 1;
    return { headers: answer.headers, text };
  };
  const theirs = await fetch(`http://127.0.0.1:${plain.port}${THEIRS}`);
  const expected = await theirs.text();
  answered.plain += 1;
  await call('no key', 401, {});
  for (const proof of ['code', 'signature'] as const) {
    const fields = (n: number) => credentialFields(proof, n, { path: OURS, host });
    const spoiled = Object.fromEntries(Object.entries(fields(0)).map(([name, value]) => [name, name === 'X-Sdk-Date' ? value : turned(value)]));
    await call(`a wrong ${proof}`, 401, spoiled);
    const { headers, text } = await call(`a ${proof}`, 200, fields(0));
    if (text !== expected) throw new Error('the answers differ');
    if (!headers.get('usage-receipt') || !headers.get('ratelimit')?.includes('"rate"')) throw new Error('the answer has no receipt or limits');
  }
  // Quota and rate are one for both kinds of credential.
  const fields = (n: number, k: number) => credentialFields(k % 2 === 0 ? 'code' : 'signature', n, { path: OURS, host });
  for (let k = 0; k < SMALL_QUOTA + 2; k++) await call('the quota', k < SMALL_QUOTA ? 200 : 429, fields(KEYS, k));
  for (let k = 0; k < SMALL_RATE + 2; k++) await call('the rate', k < SMALL_RATE ? 200 : 429, fields(KEYS + 1, k));
}

/** The last character is another one. */
const turned = (value: string): string => value.slice(0, -1) + (value.endsWith('0') ? '1' : '0');

type Side = 'plain' | 'code' | 'signature';

interface Measured extends LoadResult {
  readonly perCpuSecond: number;
}

async function measure(side: Side, seconds: number): Promise<Measured> {
  const peer = side === 'plain' ? plain : full;
  const proof: Proof = side === 'plain' ? 'code' : side;
  const load: LoadSettings = { port: peer.port, path: side === 'plain' ? THEIRS : OURS, proof, connections: Number(values.connections), seconds, keys: KEYS };
  const before = await peer.cpuMicros();
  const result = await runOnce<LoadResult>('./load.js', { core: 'other' }, load);
  const cpuSeconds = ((await peer.cpuMicros()) - before) / 1e6;
  if (Object.keys(result.statuses).join() !== '200') throw new Error(`${side}: not every answer was 200: ${JSON.stringify(result.statuses)}`);
  answered[side === 'plain' ? 'plain' : 'full'] += result.answered;
  return { ...result, perCpuSecond: result.answered / cpuSeconds };
}

const sorted = (numbers: number[]): number[] => numbers.toSorted((a, b) => a - b);
const median = (numbers: number[]): number => {
  const list = sorted(numbers);
  return ((list[(list.length - 1) >> 1] ?? 0) + (list[list.length >> 1] ?? 0)) / 2;
};
const spread = (numbers: number[], digits: number): string => {
  const list = sorted(numbers);
  return `${(list[0] ?? 0).toFixed(digits)}–${(list.at(-1) ?? 0).toFixed(digits)}`;
};

await check();
const SIDES: readonly Side[] = ['plain', 'code', 'signature'];
for (const side of SIDES) await measure(side, WARM_UP_SECONDS);
const rounds: Record<Side, Measured>[] = [];
for (let n = 0; n < Number(values.rounds); n++) {
  const round: Partial<Record<Side, Measured>> = {};
  for (const side of n % 2 === 0 ? SIDES : SIDES.toReversed()) round[side] = await measure(side, Number(values.seconds));
  const { plain: base, code, signature } = round as Record<Side, Measured>;
  rounds.push({ plain: base, code, signature });
  const shown = (one: Measured) => `${Math.round(one.perCpuSecond)} (${(one.perCpuSecond / base.perCpuSecond).toFixed(2)})`;
  console.log(`round ${n + 1}: calls per CPU-second: plain ${Math.round(base.perCpuSecond)}, code ${shown(code)}, signature ${shown(signature)}`);
}

console.log('\n                   per CPU-s (spread)         calls/s   of core  p50 ms   p99 ms   x plain (spread)');
const ratios: Record<Side, number> = { plain: 1, code: 0, signature: 0 };
for (const side of SIDES) {
  const of = (pick: (one: Measured) => number) => rounds.map((round) => pick(round[side]));
  const ratio = rounds.map((round) => round[side].perCpuSecond / round.plain.perCpuSecond);
  ratios[side] = median(ratio);
  const perCpu = of(({ perCpuSecond }) => perCpuSecond);
  console.log(
    [
      (side === 'plain' ? 'plain http-proxy' : `full, ${side}`).padEnd(18),
      `${Math.round(median(perCpu))} (${spread(perCpu, 0)})`.padEnd(26),
      String(Math.round(median(of((one) => one.answered / one.seconds)))).padEnd(9),
      `${Math.round(100 * median(of((one) => one.answered / one.seconds / one.perCpuSecond)))} %`.padEnd(8),
      median(of(({ p50 }) => p50))
        .toFixed(1)
        .padEnd(8),
      median(of(({ p99 }) => p99))
        .toFixed(1)
        .padEnd(8),
      `${ratios[side].toFixed(2)} (${spread(ratio, 2)})`,
    ].join(' '),
  );
}

const { metered, logged, quota } = await full.ask<FullCounts>('counts');
const requests = await upstream.ask<number>('requests');
console.log(`\nanswered by us ${answered.full}: metered ${metered}, logged ${logged}, held by quotas ${quota}`);
console.log(`answered by both ${answered.plain + answered.full}: seen by the provider ${requests}`);
await Promise.all([full.stop(), plain.stop(), upstream.stop()]);
if ([metered, logged, quota].some((count) => count !== answered.full) || requests !== answered.plain + answered.full) {
  console.log('FAILED: what was answered and what was counted differ');
  process.exitCode = 1;
}
for (const proof of ['code', 'signature'] as const) {
  const verdict = ratios[proof] < FLOOR ? 'BELOW THE FLOOR' : ratios[proof] < GOAL ? 'above the floor, below the goal' : 'goal reached';
  console.log(`${proof}: ${ratios[proof].toFixed(2)} x plain http-proxy (floor ${FLOOR}, goal ${GOAL}): ${verdict}`);
  if (ratios[proof] < FLOOR) process.exitCode = 1;
}
