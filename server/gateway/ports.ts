import type { LimitFigures } from '../domain/headers.ts';
import type { CallRecord, Outcome } from '../domain/metering.ts';
import type { Snapshot, SnapshotPlanVersion, SnapshotSubscription, SnapshotWindow } from '../domain/snapshot.ts';
import type { Held, TakeRequest } from '../services/limits.ts';

export type { Held, TakeRequest };

/** What the gateway asks of the rest of the product on the path of a call. */
export interface Limits {
  /**
   * Take rate, quota and money for one call, all or nothing. Answers at once when the limit is far away.
   * @throws AppError quota-exceeded, throttled or cannot-count
   */
  take(request: TakeRequest): Held | Promise<Held>;
  /** The figures of a call that was refused, as this process knows them, without asking anybody. Null where no plan governs it. */
  standing(request: TakeRequest): LimitFigures | null;
  /** The call ended: give back what its outcome does not count (rule N14). Once per `take`. */
  settle(held: Held, outcome: Outcome): void;
  /** The figures without taking anything, for `/-/me`. */
  view(subscription: SnapshotSubscription, window: SnapshotWindow, plan: SnapshotPlanVersion): Promise<LimitFigures>;
}

/** A record that was handed over. */
export interface Recorded {
  /**
   * Resolves when it is kept: handed to the kernel, and on disk too while METER_STRICT. The last bytes of the answer wait for it. Rejects with
   * AppError cannot-count when it cannot be kept: the answer must not be completed.
   */
  readonly kept: Promise<void>;
}

export interface Meter {
  record(record: CallRecord): Recorded;
  /** The answer of this call is out, or its caller is gone. Without it the call counts as *delivery unknown*. */
  ended(recorded: Recorded): void;
  /** Gap-free in its stream: one subscription on one boot. Every number taken is recorded. */
  nextReceipt(subscriptionId: string): number;
  /** False while nothing can be recorded: metered calls get 0701. */
  ready(): boolean;
}

/** Remembers signatures of unsafe calls. */
export interface Replays {
  /** False: seen before. @throws when nobody can tell */
  first(signature: string, keepMs: number): Promise<boolean>;
}

export interface Snapshots {
  current(): Snapshot;
  /** Called with each new snapshot, the first included if there is one by then. */
  onChange(listener: (snapshot: Snapshot) => void): void;
  /** An unknown credential was shown: look, at most once a second and not awaited, whether one was issued since. */
  unknownCredential(): void;
}

/** Counts attempts over all processes. */
export interface Attempts {
  /** Count one. @param points  0: only ask, in the same order as those that count. @returns seconds to wait when there were too many, else 0 */
  count(key: string, points?: 0 | 1): Promise<number>;
  /** Without counting one: seconds to wait when the next would be too many, else 0. */
  waiting(key: string): Promise<number>;
}
