// The gateway as the product runs it: authentication, grant, shared quota, receipts, strict journal, shipping to the store.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCounters } from '../../server/cache/counters.ts';
import { makeGateway } from '../../server/gateway/server.ts';
import { openJournal } from '../../server/gateway/journal.ts';
import { makeReplay, readLog } from '../../server/gateway/journal-codec.ts';
import { makeClock } from '../../server/kernel/clock.ts';
import { makeIds } from '../../server/kernel/ids.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { makeLimits } from '../../server/services/limits.ts';
import { makeShipping } from '../../server/services/shipping.ts';
import { openStore } from '../../server/store/index.ts';
import { answerAs, settings } from './processes.ts';
import { benchSnapshot, RING, type WorldSettings } from './world.ts';

const { engine, strict, mongodbUri, redisUrl, redisPrefix, ...world } = settings<
  WorldSettings & { engine: 'undici' | 'http-proxy'; strict: boolean; mongodbUri: string; redisUrl: string; redisPrefix: string }
>();
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
const shipping = makeShipping({
  store,
  journal,
  limits,
  clock,
  log,
  readCalls: readLog,
  makeReplay: (boot) => makeReplay({ node: 'bench', boot, receivedAt: () => clock.now() }),
});
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

/** In order, as the role stops; then what the store holds of it is counted. */
async function stop(): Promise<void> {
  await gateway.close(1_000);
  await journal.stop();
  await shipping.stop();
  const batches = await store.connection.collection('usageBatches').find().toArray();
  const metered = batches
    .flatMap((batch) => batch.entries as { outcome: string; calls: number | bigint }[])
    .reduce((sum, entry) => (entry.outcome === '200' ? sum + Number(entry.calls) : sum), 0);
  process.send?.({ metered });
  await limits.stop();
  await counters.close();
  await journal.close();
  await store.connection.db?.dropDatabase();
  await store.close();
  rmSync(dataDir, { recursive: true, force: true });
}
answerAs(port, stop);
