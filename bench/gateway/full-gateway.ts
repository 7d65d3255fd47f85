// The gateway as the product runs it: authentication, grant, shared quota, receipts, strict journal, shipping to the store.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCounters } from '../../server/cache/counters.ts';
import { makeGateway } from '../../server/gateway/server.ts';
import { openJournal } from '../../server/gateway/journal.ts';
import { readLog } from '../../server/domain/call-lines.ts';
import { makeReplay } from '../../server/gateway/journal-codec.ts';
import { makeClock } from '../../server/kernel/clock.ts';
import { makeIds } from '../../server/kernel/ids.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { makeLimits } from '../../server/services/limits.ts';
import { makeShipping } from '../../server/services/shipping.ts';
import { openStore } from '../../server/store/index.ts';
import { answerAs, settings } from './processes.ts';
import { benchSnapshot, RING, type WorldSettings } from './world.ts';

export interface FullSettings extends WorldSettings {
  readonly engine: 'direct' | 'undici' | 'http-proxy';
  readonly strict: boolean;
  readonly mongodbUri: string;
  readonly redisUrl: string;
  readonly redisPrefix: string;
}

export interface FullCounts {
  /** Calls answered 200, by the batches that are billed. */
  readonly metered: number;
  /** The same, by the log of calls. */
  readonly logged: number;
  /** Units that the quotas of all subscriptions hold. */
  readonly quota: number;
}

const { engine, strict, mongodbUri, redisUrl, redisPrefix, ...world } = settings<FullSettings>();
const log = makeLog('warn', 'bench');
const clock = makeClock();
const dataDir = mkdtempSync(join(tmpdir(), 'bench-gateway-'));
const store = await openStore(mongodbUri);
const journal = openJournal({ dataDir, node: 'bench', clock, log, strict, bytesMax: 8 * 1024 ** 3 });
const counters = makeCounters({ url: redisUrl, prefix: redisPrefix });
const limits = makeLimits({
  counters,
  clock,
  ids: makeIds(),
  log,
  node: 'bench',
  boot: journal.boot,
  liveNodes: () => Promise.resolve(['bench']),
  storedCount: () => Promise.resolve({ units: 0n, batches: new Map() }),
});
const shipping = makeShipping({ store, journal, limits, clock, log, makeReplay: (boot) => makeReplay({ node: 'bench', boot, receivedAt: () => clock.now() }) });
if (!(await counters.redis.ready(10_000))) throw new Error('Redis does not answer');
limits.start();
shipping.start();
const snapshot = benchSnapshot(world, clock.now());
const gateway = makeGateway({
  config: {
    gatewayDomain: '',
    gatewayEngine: engine,
    gatewayNode: 'bench',
    secretKeys: RING,
    trustedHops: 0,
    upstreamAllow: new Set([`127.0.0.1:${world.upstream}`]),
    webUrl: 'http://localhost:3000',
  },
  boot: journal.boot,
  clock,
  log,
  limits,
  meter: journal,
  snapshots: { current: () => snapshot, onChange: () => undefined, unknownCredential: () => undefined },
  replays: { first: () => Promise.resolve(true) },
});
const port = await gateway.listen(0, '127.0.0.1');

/** What each place that counts has counted, when all of it has come there. */
async function counts(): Promise<FullCounts> {
  const batches = await store.connection.collection('usageBatches').find().toArray();
  const logs = await store.connection.collection('callLogs').find().toArray();
  let quota = 0;
  for (const subscription of snapshot.subscriptions) {
    const plan = snapshot.planVersions.find(({ id }) => id === subscription.windows[0]?.planVersionId) ?? null;
    const view = await limits.view(subscription, subscription.windows[0] ?? null, plan);
    quota += view.quota ? view.quota.limit - view.quota.remaining : 0;
  }
  const entries = batches.flatMap((batch) => batch.entries as { outcome: string; calls: number | bigint }[]);
  return {
    metered: entries.reduce((sum, { outcome, calls }) => (outcome === '200' ? sum + Number(calls) : sum), 0),
    logged: logs.flatMap((log) => readLog(log.lines as string)).filter(({ outcome }) => outcome === '200').length,
    quota,
  };
}

/** In the order in which the role stops. */
async function stop(): Promise<void> {
  await gateway.close(1_000);
  await journal.stop();
  await shipping.stop();
  await limits.stop();
  await counters.close();
  await journal.close();
  await store.close();
  rmSync(dataDir, { recursive: true, force: true });
}

// The calls of a round are paid for in that round: what waits for the store goes there before the time is read.
answerAs(port, { stop, answers: { cpu: () => shipping.shipNow(), counts } });
