import { setTimeout as delay } from 'node:timers/promises';
import type { Roster } from '../cache/roster.ts';
import type { SignalPayloads, Signals } from '../cache/signals.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../store/index.ts';

/** The setting that rises with every change a gateway must see; gateways poll it each second, whatever becomes of the signals. */
export const SNAPSHOT_VERSION = 'snapshotVersion';

/** How long a verb that changes access waits at most for the gateways. */
export const CONFIRM_MS = 2_000;
const LOOK_AGAIN_MS = 25;

export type ChangeKind = 'catalogue-changed' | 'credential-changed' | 'window-announced';

export interface Changes {
  /**
   * Call it after the change is stored: raise the version, then tell every process.
   * @returns the version from which gateways know of the change
   */
  announce<K extends ChangeKind>(kind: K, payload: SignalPayloads[K]): Promise<number>;
  /** Wait until every live gateway serves `version` or later. False: one of them has not said so within `waitMs`. */
  announced(version: number, waitMs?: number): Promise<boolean>;
  /** The version that stands in the store now. */
  version(): Promise<number>;
  /** Who serves what, without waiting. @param version  default: what stands in the store now. Null: nobody can be asked */
  standing(version?: number): Promise<Standing | null>;
}

/** Gateway processes that are alive, by whether they have said that they serve a change. */
export interface Standing {
  readonly confirmed: readonly string[];
  readonly waiting: readonly string[];
}

export interface ChangesDependencies {
  readonly store: { readonly settings: Pick<Store['settings'], 'bump' | 'get'> };
  readonly signals: Pick<Signals, 'publish'>;
  readonly roster: Pick<Roster, 'served'>;
  readonly clock: Pick<Clock, 'monotonic'>;
}

export function makeChanges({ store, signals, roster, clock }: ChangesDependencies): Changes {
  const version = async () => (await store.settings.get<number>(SNAPSHOT_VERSION)) ?? 0;

  return {
    version,
    async announce(kind, payload) {
      const raised = await store.settings.bump(SNAPSHOT_VERSION);
      await signals.publish(kind, payload);
      return raised;
    },
    async announced(wanted, waitMs = CONFIRM_MS) {
      const until = clock.monotonic() + waitMs;
      for (;;) {
        // Without Redis nobody can confirm; the gateways' own poll still brings the change within a second, so the wait is kept.
        const served = await roster.served().catch(() => null);
        if (served && [...served.values()].every((reached) => reached >= wanted)) return true;
        if (clock.monotonic() >= until) return false;
        await delay(LOOK_AGAIN_MS);
      }
    },
    async standing(wanted) {
      const needed = wanted ?? (await version());
      const served = await roster.served().catch(() => null);
      if (served === null) return null;
      const nodes = [...served].sort(([a], [b]) => (a < b ? -1 : 1));
      const which = (confirmed: boolean) => nodes.filter(([, reached]) => reached >= needed === confirmed).map(([node]) => node);
      return { confirmed: which(true), waiting: which(false) };
    },
  };
}
