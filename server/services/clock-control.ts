import { setTimeout as delay } from 'node:timers/promises';
import type { Signals } from '../cache/signals.ts';
import { SYSTEM } from '../domain/actor.ts';
import { later } from '../domain/duration.ts';
import { pendingUntil } from '../domain/subscription.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import type { Store } from '../store/index.ts';
import type { SimulatorControl } from '../stripe/simulator.ts';
import type { Inbox } from './inbox.ts';
import type { Invoicing } from './invoicing.ts';
import type { Subscriptions } from './subscriptions.ts';

export type ClockMove = { readonly advance: string } | { readonly to: string };

export interface ClockControl {
  /**
   * Move the sandbox clock on, from boundary to boundary, doing what is due at each.
   *
   * @returns what is still being worked on after a minute; it goes on by itself. Empty: all is quiet.
   * @throws invalid-request on an instant that is past, or too far ahead
   */
  move(to: ClockMove): Promise<{ pending: readonly string[] }>;
  /** A move under way, in whatever process; null when the clock only ticks. */
  progress(): Promise<ClockProgress | null>;
  /** Go on with a move whose process died. @returns whether this call took it up */
  resume(): Promise<boolean>;
  /** Look for such a move from time to time, until `stop`. */
  watch(): void;
  /** Ends a move under way at its next step; another process goes on with it. */
  stop(): Promise<void>;
}

export interface ClockProgress {
  /** Where it is going, epoch ms. */
  readonly target: number;
  /** What is being waited for; empty between two processes. */
  readonly doing: readonly string[];
}

export interface ClockControlDependencies {
  readonly store: Pick<Store, 'inbox' | 'settings' | 'subscriptions'>;
  readonly invoicing: Pick<Invoicing, 'nextDue' | 'round'>;
  readonly subscriptions: Pick<Subscriptions, 'sweep'>;
  readonly inbox: Pick<Inbox, 'handle' | 'unhandled'>;
  /** Everything admitted before it is stored. */
  readonly watermark: () => Promise<number>;
  /** Jobs that wait or run; null when nobody can say. */
  readonly jobsUnderWay: () => Promise<number | null>;
  readonly signals: Pick<Signals, 'publish'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Null with Stripe itself, whose clock nobody moves. */
  readonly simulator: SimulatorControl | null;
  /** The setting that keeps the offset. */
  readonly offsetSetting: string;
  /** Names this process among those that may move the clock. */
  readonly owner: string;
  /** How long a stop waits for journals; shorter in tests. */
  readonly watermarkMs?: number;
}

/** Where the clock was told to go, epoch ms; it only grows. A move is over when the clock is there. */
const TARGET_SETTING = 'clockTargetMs';
/** Who moves it. One at a time: two would not harm, but would wait for each other's work. */
const TRAVELLER_SETTING = 'clockTraveller';
/** A process that does not renew it for so long is gone. */
const LEASE_MS = 15_000;
const RENEW_MS = 3_000;
const WATCH_MS = 5_000;
const ANSWER_MS = 60_000;
const LOOK_AGAIN_MS = 25;
/** A journal that is not stored by then belongs to a gateway that is gone; the operator's page names it. Later stops do not wait for it again. */
const WATERMARK_MS = 10_000;
const WATERMARK_AGAIN_MS = 500;
/** Webhooks and jobs come to rest within this, or the move goes on without them and says so. */
const QUIET_MS = 15_000;
/** So many boundaries are stopped at one by one; of what is left after them, those that lie close together are done at the latest of them. */
const STEPS_EXACT = 200;
const YEARS_AHEAD_MS = 10 * 366 * 86_400_000;
const BUSY_MS = 250;
/** Doing what is due may make more due: an invoice, a webhook, its answer. */
const ROUNDS_MAX = 20;

export function makeClockControl(dependencies: ClockControlDependencies): ClockControl {
  const {
    store,
    invoicing,
    subscriptions,
    inbox,
    watermark,
    jobsUnderWay,
    signals,
    clock,
    log,
    simulator,
    offsetSetting,
    owner,
    watermarkMs = WATERMARK_MS,
  } = dependencies;
  let stopping = false;
  let running: Promise<void> | null = null;
  let pending = new Set<string>();
  let patienceMs = watermarkMs;
  let watching: NodeJS.Timeout | undefined;

  function targetOf(move: ClockMove): number {
    const now = clock.now();
    const target = 'to' in move ? Date.parse(move.to) : later(now, move.advance);
    if (target === undefined || Number.isNaN(target))
      throw new AppError('invalid-request', 'Give a duration such as P1M, or an instant such as 2027-01-31T00:00:00Z.');
    if (target <= now) throw new AppError('invalid-request', 'The clock only moves forward: the instant is past.');
    if (target > now + YEARS_AHEAD_MS) throw new AppError('invalid-request', 'The clock moves ten years at most at a time.');
    return target;
  }

  async function until(condition: () => Promise<boolean>, waitMs: number): Promise<boolean> {
    const deadline = clock.monotonic() + waitMs;
    for (;;) {
      if (await condition()) return true;
      if (stopping || clock.monotonic() >= deadline) return false;
      await delay(LOOK_AGAIN_MS);
    }
  }

  /** Every gateway seals and ships; true once all that was admitted before `at` is stored. */
  async function ship(at: number): Promise<boolean> {
    let asked = -Infinity;
    const shipped = await until(async () => {
      if ((await watermark()) >= at) return true;
      // The signal is a hint: it is repeated while the answer is missing.
      if (clock.monotonic() - asked > 500) {
        asked = clock.monotonic();
        await signals.publish('seal-journals', { at: clock.now() });
      }
      return false;
    }, patienceMs);
    patienceMs = shipped ? watermarkMs : Math.min(watermarkMs, WATERMARK_AGAIN_MS);
    return shipped;
  }

  /**
   * Everybody's clock to at least `at`. Stripe's goes last: a process ahead of Stripe only looks up what it could have asked for again (F7); one
   * behind it, for the moment until it hears of the move, trusts keys that Stripe may have forgotten. The simulator keeps them for that moment.
   */
  async function setClock(at: number): Promise<void> {
    const offsetMs = Math.max(clock.offsetMs(), Math.ceil(at - clock.real()));
    await store.settings.raise(offsetSetting, offsetMs);
    clock.setOffset(Math.max(offsetMs, clock.offsetMs()));
    await signals.publish('clock-moved', { offsetMs });
    await simulator?.setClock(offsetMs);
  }

  /** Do what is due until nothing is. @returns what could not be done */
  async function settle(): Promise<string[]> {
    let left: string[] = ['more keeps falling due'];
    for (let rounds = 0; rounds < ROUNDS_MAX && !stopping; rounds += 1) {
      const { closed, collected, held, failed } = await invoicing.round();
      const { canceled, expired, suspended } = await subscriptions.sweep(clock.now());
      const events = await inbox.unhandled(SYSTEM, 0);
      const unhandled: string[] = [];
      for (const id of events) await inbox.handle(SYSTEM, id).catch((error: unknown) => unhandled.push(`${id}: ${String(error)}`));
      if (failed.length + unhandled.length > 0) {
        // Most often a worker is at the same thing at this moment, and Stripe lets only one in.
        left = [...failed, ...unhandled];
        await delay(BUSY_MS);
      } else if (closed + collected + canceled + expired + suspended + events.length === 0) {
        return held.map((period) => `period ${period} waits for usage`);
      }
    }
    return left;
  }

  /** Webhooks are delivered and handled, jobs have come to rest. */
  async function quiet(): Promise<string[]> {
    const noisy = new Set<string>();
    const still = await until(async () => {
      noisy.clear();
      if (((await simulator?.webhooksWaiting()) ?? 0) > 0) noisy.add('webhooks under way');
      if ((await inbox.unhandled(SYSTEM, 0)).length > 0) noisy.add('events to be handled');
      if (((await jobsUnderWay()) ?? 0) > 0) noisy.add('jobs under way');
      return noisy.size === 0;
    }, QUIET_MS);
    return still ? [] : [...noisy];
  }

  /** The next instant at which something happens by time alone, no later than `target`. */
  async function nextStop(target: number): Promise<number> {
    const now = clock.now();
    const instants = [target];
    const billing = await invoicing.nextDue(now, target);
    if (billing !== null) instants.push(billing);
    for (const { entitledUntil } of await store.subscriptions.inStatus('past_due')) if (entitledUntil !== null) instants.push(entitledUntil);
    for (const subscription of await store.subscriptions.inStatus('pending')) instants.push(pendingUntil(subscription));
    return Math.min(...instants.filter((at) => at > now && at <= target), target);
  }

  async function travel(target: number): Promise<void> {
    patienceMs = watermarkMs;
    await ship(clock.now());
    let left: string[] = [];
    let stepMs = 0;
    for (let steps = 0; !stopping && clock.now() < target; steps += 1) {
      const now = clock.now();
      if (steps === STEPS_EXACT) stepMs = (target - now) / STEPS_EXACT;
      const at = Math.min(target, Math.max(await nextStop(target), now + stepMs));
      await setClock(at);
      pending = new Set([`the time ${new Date(at).toISOString()}`]);
      const shipped = await ship(at);
      left = [...(shipped ? [] : ['usage that a gateway has not stored']), ...(await settle())];
      pending = new Set(left);
    }
    pending = new Set([...left, ...(await quiet())]);
    // What came by webhook may have made something due.
    pending = new Set([...pending].filter((text) => !text.startsWith('period')).concat(await settle()));
  }

  /** @returns false when another process moves the clock */
  const hold = (): Promise<boolean> => store.settings.lease(TRAVELLER_SETTING, owner, clock.real(), clock.real() + LEASE_MS, [...pending]);

  /** The offset as it is stored: a signal of it may not have come yet. */
  async function catchUp(): Promise<void> {
    clock.setOffset(Math.max(clock.offsetMs(), Number((await store.settings.get<number>(offsetSetting)) ?? 0)));
  }

  const targetStored = async (): Promise<number> => Number((await store.settings.get<number>(TARGET_SETTING)) ?? 0);

  function start(target: number): Promise<void> {
    // Renewed from a timer as well: a single step may wait for longer than the lease lasts.
    let renewed: Promise<unknown> = Promise.resolve();
    const renewing = setInterval(() => (renewed = hold().catch(() => undefined)), RENEW_MS);
    running = travel(target)
      .catch((error: unknown) => {
        log.error({ err: error }, 'the clock stopped on its way');
        pending = new Set(['the clock stopped on its way: it goes on by itself in a moment']);
      })
      .finally(async () => {
        clearInterval(renewing);
        await renewed;
        await store.settings.release(TRAVELLER_SETTING, owner).catch(() => undefined);
        running = null;
      });
    return running;
  }

  async function resume(): Promise<boolean> {
    if (running || stopping) return false;
    await catchUp();
    const target = await targetStored();
    if (target <= clock.now() || !(await hold())) return false;
    log.info({ target }, 'going on with a move of the clock');
    void start(target);
    return true;
  }

  return {
    async move(to) {
      await catchUp();
      const asked = targetOf(to);
      pending = new Set();
      if (running || !(await hold())) throw new AppError('conflict', 'The clock is moving already. Wait until it has arrived.');
      await store.settings.raise(TARGET_SETTING, asked);
      // A move that was left before is part of this one.
      const travelling = start(Math.max(asked, await targetStored()));
      const timer = new AbortController();
      await Promise.race([travelling, delay(ANSWER_MS, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
      return { pending: [...pending] };
    },

    async progress() {
      const traveller = await store.settings.get<{ until: number; note: string[] | null }>(TRAVELLER_SETTING);
      const held = traveller !== undefined && Number(traveller.until) > clock.real();
      const target = await targetStored();
      return held || target > clock.now() ? { target, doing: held ? (traveller.note ?? []) : [] } : null;
    },

    resume,

    watch() {
      watching ??= setInterval(() => void resume().catch((error: unknown) => log.warn({ err: error }, 'a move of the clock could not be taken up')), WATCH_MS);
    },

    async stop() {
      stopping = true;
      clearInterval(watching);
      await running;
    },
  };
}
