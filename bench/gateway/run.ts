// `npm run bench:gateway [-- --rounds 5 --seconds 4 --connections 64 --engine undici]`
// The full job (authentication, grant, shared hard quota, receipt, strict journal, shipping) against plain http-proxy that checks nothing,
// in interleaved rounds. Printed is the ratio of answered calls per second of processor time; the floor is 1.4, the goal 1.7.
import { parseArgs } from 'node:util';
import { startPeer, runOnce, type Peer } from './processes.ts';
import { codeOf } from './world.ts';

const KEYS = 100;
const FLOOR = 1.4;
const GOAL = 1.7;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    engine: { type: 'string', default: 'undici' },
    loose: { type: 'boolean', default: false },
  },
});
const { MONGODB_URI, REDIS_URL } = process.env;
if (!MONGODB_URI || !REDIS_URL) throw new Error('MONGODB_URI and REDIS_URL are not set: npm run bench:gateway starts the engines');
const mongodbUri = new URL(MONGODB_URI);
mongodbUri.pathname = `/bench_gateway_${process.pid}`;

const upstream = await startPeer('./upstream.ts', 'other');
const plain = await startPeer('./plain-proxy.ts', 'gateway', { upstream: upstream.port });
const full = await startPeer('./full-gateway.ts', 'gateway', {
  upstream: upstream.port,
  subscriptions: KEYS,
  engine: values.engine,
  strict: !values.loose,
  mongodbUri: mongodbUri.toString(),
  redisUrl: REDIS_URL,
  redisPrefix: `bench:${process.pid}:`,
});

interface Round {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly answered: number;
}

async function round(peer: Peer, path: string, seconds: number): Promise<Round> {
  const before = await peer.cpuMicros();
  const { answered, statuses, p50, p99 } = await runOnce<{ answered: number; statuses: Record<string, number>; p50: number; p99: number }>(
    './load.ts',
    'other',
    { port: peer.port, path, connections: Number(values.connections), seconds, keys: KEYS },
  );
  const cpuSeconds = ((await peer.cpuMicros()) - before) / 1e6;
  if (Object.keys(statuses).join() !== '200') throw new Error(`not every answer was 200: ${JSON.stringify(statuses)}`);
  return { perCpuSecond: answered / cpuSeconds, perSecond: answered / seconds, p50, p99, answered };
}

/** Nothing is measured that does not do its job: refuse without a key, with a wrong one, above the quota; answer what the provider said. */
async function check(): Promise<void> {
  const call = async (headers: Record<string, string>) => fetch(`http://127.0.0.1:${full.port}/bench/items`, { headers });
  const expectStatus = async (what: string, expected: number, headers: Record<string, string>) => {
    const { status } = await call(headers);
    if (status !== expected) throw new Error(`${what}: ${status} in place of ${expected}`);
  };
  await expectStatus('no key', 401, {});
  await expectStatus('a wrong key', 401, { 'X-Apig-AppCode': `${codeOf(0).slice(0, -1)}x` });
  for (const expected of [200, 200, 200, 429, 429]) await expectStatus('a quota of 3', expected, { 'X-Apig-AppCode': codeOf(KEYS) });
  const [ours, theirs] = await Promise.all([call({ 'X-Apig-AppCode': codeOf(0) }), fetch(`http://127.0.0.1:${plain.port}/items`)]);
  if ((await ours.text()) !== (await theirs.text())) throw new Error('the answers differ');
  if (!ours.headers.get('usage-receipt') || !ours.headers.get('ratelimit')) throw new Error('the answer has no receipt or limits');
}
const CHECKED = 4;

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
await check();
const rounds: Record<'full' | 'plain', Round[]> = { full: [], plain: [] };
let counted = CHECKED;
for (const [peer, path] of [
  [plain, '/items'],
  [full, '/bench/items'],
] as const) {
  const { answered } = await round(peer, path, 2);
  if (peer === full) counted += answered;
}
for (let n = 0; n < Number(values.rounds); n++)
  for (const name of n % 2 === 0 ? (['plain', 'full'] as const) : (['full', 'plain'] as const)) {
    const result = await round(name === 'full' ? full : plain, name === 'full' ? '/bench/items' : '/items', Number(values.seconds));
    rounds[name].push(result);
    if (name === 'full') counted += result.answered;
    console.log(
      `${name.padEnd(6)} ${Math.round(result.perCpuSecond)} per CPU-s, ${Math.round(result.perSecond)}/s, p50 ${result.p50.toFixed(1)} ms, p99 ${result.p99.toFixed(1)} ms`,
    );
  }
const perCpu = (name: 'full' | 'plain') => median(rounds[name].map(({ perCpuSecond }) => perCpuSecond));
const ratio = perCpu('full') / perCpu('plain');
console.log(
  `plain http-proxy: ${Math.round(perCpu('plain'))} calls per CPU-second; the full job: ${Math.round(perCpu('full'))}; ratio ${ratio.toFixed(2)} (floor ${FLOOR}, goal ${GOAL})`,
);
const { metered } = await full.ask<{ metered: number }>('stop');
console.log(`answered ${counted}, metered in the store ${metered}`);
await Promise.all([plain.stop(), upstream.stop()]);
if (metered !== counted) throw new Error('what was answered and what was metered differ');
process.exitCode = ratio < FLOOR ? 1 : 0;
