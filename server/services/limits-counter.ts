import { groupDigits } from '../domain/money.ts';
import { unitWord } from '../domain/plan-words.ts';
import { secondsLeft } from '../domain/quota.ts';
import { AppError } from '../kernel/errors.ts';

/** One quota as this process sees it. What it holds of the shared count is `available + inFlight + kept`. */
export interface QuotaCounter {
  readonly name: string;
  readonly place: CounterPlace;
  limit: number;
  hard: boolean;
  /** Of the window. */
  readonly startAt: number;
  readonly endAt: number;
  /** Units leased and not spent. Below zero only where the quota is soft: spent before Redis heard of it. */
  available: number;
  inFlight: number;
  /** Units of recorded calls whose batch is not stored yet. */
  kept: number;
  /** Units used by all, as last heard. */
  total: number;
  /** Units worth leasing ahead of need: about what one second spends. */
  ahead: number;
  /** Near the end: nothing is held that no call needs. */
  tight: boolean;
  waiters: Waiter[];
  asking: boolean;
  /** An answer of Redis was lost: what it thinks we hold must be said anew. */
  unsure: boolean;
  /** Monotonic ms. */
  usedAt: number;
  leasedAt: number;
  recalledAt: number;
  lowWater: number;
}

export interface CounterPlace {
  readonly gatewayId: string;
  readonly subscriptionId: string;
  readonly window: string;
  readonly meter: string;
}

interface Waiter {
  readonly units: number;
  readonly now: number;
  resolve(): void;
  reject(error: AppError): void;
}

/** What the store holds of a counter: units that kept their place, and the last batch per holder among them. */
export interface StoredCount {
  readonly units: bigint;
  readonly batches: ReadonlyMap<string, number>;
}

/** About what the first second of a subscription spends. */
export const AHEAD_FIRST = 8;
const RETRY_SECONDS = 2;

type Quota = { readonly limit: number; readonly hard: boolean };

export const newCounter = (name: string, place: CounterPlace, quota: Quota, window: { startAt: number; endAt: number }, usedAt: number): QuotaCounter => ({
  name,
  place,
  limit: quota.limit,
  hard: quota.hard,
  startAt: window.startAt,
  endAt: window.endAt,
  available: 0,
  inFlight: 0,
  kept: 0,
  total: 0,
  ahead: AHEAD_FIRST,
  tight: false,
  waiters: [],
  asking: false,
  unsure: false,
  usedAt,
  leasedAt: -Infinity,
  recalledAt: -Infinity,
  lowWater: 0,
});

/** What this process holds of the shared count. */
export const heldBy = ({ available, inFlight, kept }: QuotaCounter): number => available + inFlight + kept;

export const cannotCount = (cause?: unknown): AppError => new AppError('cannot-count', undefined, { cause, retryAfterSeconds: RETRY_SECONDS });

export const exceeded = (counter: QuotaCounter, now: number): AppError =>
  new AppError(
    'quota-exceeded',
    `This plan allows ${groupDigits(BigInt(counter.limit))} ${unitWord(counter.place.meter, BigInt(counter.limit))} in a period, and they are used.`,
    { retryAfterSeconds: secondsLeft(now, counter.endAt) },
  );

/** First come, first served; one that does not fit whole lets a smaller one behind it pass. @param exhausted  nothing more will come: refuse the rest */
export function serve(counter: QuotaCounter, exhausted: boolean): void {
  const waiting = counter.waiters;
  counter.waiters = [];
  for (const waiter of waiting) {
    if (waiter.units <= counter.available) {
      counter.available -= waiter.units;
      counter.inFlight += waiter.units;
      waiter.resolve();
    } else if (exhausted) waiter.reject(exceeded(counter, waiter.now));
    else counter.waiters.push(waiter);
  }
}

export function refuseAll(counter: QuotaCounter, error: AppError): void {
  for (const waiter of counter.waiters.splice(0)) waiter.reject(error);
}
