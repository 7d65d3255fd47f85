import { makeCircuitBoard } from './cache/circuits.ts';
import { makeRedis } from './cache/redis.ts';
import { makeRoster } from './cache/roster.ts';
import { makeSignals } from './cache/signals.ts';
import type { Config } from './config.ts';
import { makeClock, type Clock } from './kernel/clock.ts';
import { makeIds, type Ids } from './kernel/ids.ts';
import { makeLog, type Log } from './kernel/log.ts';
import { makeLifecycle } from './lifecycle.ts';
import { makeMailer } from './mail/mailer.ts';
import { makePaymentsCircuit } from './payments-circuit.ts';
import { behindCircuit } from './stripe/circuit.ts';
import { makeSimulatorControl } from './stripe/simulator.ts';
import { makePayments } from './stripe/payments.ts';
import { makeQueue } from './queue/queue.ts';
import { CLOCK_OFFSET, makeServices } from './services/index.ts';
import { openStore, openStoreLater } from './store/index.ts';
import { DatabaseTooNew, type MigrationNews } from './store/migrations/run.ts';
import { NOBODY, renderer } from './web/render.ts';

/** Replaced by tests; everything else is made from the configuration. */
export interface Overrides {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly log?: Log;
}

const CLOCK_POLL_MS = 1_000;
/** How long a start waits for an engine that it can do without. */
const ENGINES_MS = 2_000;

const MIGRATION_WORDS: Readonly<Record<MigrationNews['state'], string>> = {
  begun: 'the database is brought further',
  done: 'the database is one step further',
  running: 'the database is brought further',
  waiting: 'another process brings the database further',
};

export type Composition = Awaited<ReturnType<typeof compose>>;

/**
 * The composition root: configuration → adapters → services.
 * @param role  names the log lines; the gateway alone starts while the store is away
 */
export async function compose(config: Config, role: string, overrides: Overrides = {}) {
  const log = overrides.log ?? makeLog(config.logLevel, role);
  const lifecycle = makeLifecycle(log);
  const clock = overrides.clock ?? makeClock();
  const ids = overrides.ids ?? makeIds();

  const tell = (news: MigrationNews) => log.info({ step: `${news.step} of ${news.steps}`, what: news.name, documents: news.done }, MIGRATION_WORDS[news.state]);
  const store =
    role === 'gateway'
      ? await openStoreLater(config.mongodbUri, { waitMs: ENGINES_MS })
      : await openStore(config.mongodbUri, { migrating: { owner: ids.uuid(), real: clock.real, tell } });
  lifecycle.add({ name: 'store', stop: () => store.close() });
  // A gateway that finds a database of before waits for those who bring it further, and serves what it knew meanwhile. Of a later one nobody here knows the meaning.
  if (role === 'gateway')
    await store.checkVersion().catch((error: unknown) => {
      if (error instanceof DatabaseTooNew) throw error;
    });
  const onAway = (error: Error) => log.warn({ err: error.message }, 'redis is away');
  const redis = makeRedis({ url: config.redisUrl, prefix: config.redisPrefix, onAway });
  lifecycle.add({ name: 'redis', stop: () => redis.close() });
  // A gateway starts without Redis too; a moment's patience spares a normal start from looking like a broken one.
  await redis.ready(ENGINES_MS);
  const signals = makeSignals({ url: config.redisUrl, prefix: config.redisPrefix, onAway });
  lifecycle.add({ name: 'signals', stop: () => signals.close() });
  const mailer = makeMailer({
    smtpUrl: config.smtpUrl,
    from: config.mailFrom,
    keep: (mail) => store.mails.add({ ...mail, _id: ids.next('evt'), at: clock.now() }),
  });
  lifecycle.add({ name: 'mailer', stop: () => mailer.close() });

  if (config.sandbox && !overrides.clock) {
    const follow = async () => {
      const offset = (await store.settings.get<number>(CLOCK_OFFSET)) ?? 0;
      if (offset > clock.offsetMs()) clock.setOffset(offset);
    };
    await follow().catch(() => undefined);
    signals.subscribe('clock-moved', () => void follow().catch(() => undefined));
    // A lost signal delays the others by a second at most.
    const timer = setInterval(() => void follow().catch(() => undefined), CLOCK_POLL_MS);
    lifecycle.add({ name: 'clock', stop: () => clearInterval(timer) });
  }

  const circuits = makeCircuitBoard({ redis });
  const circuit = makePaymentsCircuit({ board: circuits, clock, ids, lifecycle, log, role });
  const payments = behindCircuit(
    makePayments({ secretKey: config.stripe.secretKey, apiBase: config.stripe.apiBase === '' ? undefined : config.stripe.apiBase }),
    circuit,
  );
  const queue = makeQueue({ url: config.redisUrl, prefix: config.redisPrefix }, { onAway });
  lifecycle.add({ name: 'queue', stop: () => queue.close() });
  const roster = makeRoster({ redis });
  const services = makeServices({
    payments,
    circuits,
    queue,
    simulator: config.stripe.apiBase === '' ? null : makeSimulatorControl(config.stripe.apiBase),
    latenessSeconds: config.latenessSeconds,
    platformFeeBps: config.platformFeeBps,
    privateAddresses: config.gatewayPrivateListen.map(({ address }) => address),
    clock,
    gatewayUrl: config.gatewayUrl,
    ids,
    log,
    mailer,
    roster,
    secretKeys: config.secretKeys,
    signals,
    store,
    upstreamAllow: config.upstreamAllow,
    webUrl: config.webUrl,
    render: (view, model) => renderer().render(view, model, NOBODY),
  });
  lifecycle.add({ name: 'clock control', stop: () => services.clockControl.stop() });
  lifecycle.add({ name: 'storefront', stop: () => services.storefront.stop() });
  return { config, log, lifecycle, clock, ids, store, redis, signals, queue, payments, circuit, roster, services };
}
