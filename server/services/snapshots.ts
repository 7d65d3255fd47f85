import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Roster } from '../cache/roster.ts';
import type { Signals } from '../cache/signals.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import type { Store } from '../store/index.ts';
import type { Changes } from './changes.ts';
import { readSnapshot } from './snapshot-reader.ts';

/** A lost signal delays a change by this at most. */
const POLL_MS = 1_000;
/** Read again even if nothing was announced: whatever forgot to announce is seen within this. */
const REFRESH_MS = 60_000;
const FORMAT = 1;

export const EMPTY_SNAPSHOT: Snapshot = { builtAt: 0, gateways: [], groups: [], apis: [], credentials: [], grants: [], subscriptions: [], planVersions: [] };

export interface SnapshotService {
  current(): Snapshot;
  onChange(listener: (snapshot: Snapshot) => void): void;
  unknownCredential(): void;
  /**
   * Take what the last run left on disk, then read the store. Without the store the old one is served; without both the gateway
   * is up and not ready.
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** True, or why calls cannot be decided. */
  ready(): true | string;
  /** The change up to which this process knows; -1 before the first reading. */
  served(): number;
}

export interface SnapshotsDependencies {
  readonly store: Pick<Store, 'apis' | 'apps' | 'endpoints' | 'gateways' | 'periods' | 'products' | 'subscriptions'>;
  readonly changes: Pick<Changes, 'version'>;
  readonly signals: Pick<Signals, 'subscribe'>;
  readonly roster: Pick<Roster, 'confirm' | 'leave'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly node: string;
  /** Folder of this node: the last snapshot is kept in it, secrets still encrypted. */
  readonly folder: string;
  readonly pollMs?: number;
  /** @throws while what is kept cannot be read rightly by this program */
  readonly checkVersion?: () => Promise<void>;
}

export function makeSnapshots({
  store,
  changes,
  signals,
  roster,
  clock,
  log,
  node,
  folder,
  pollMs = POLL_MS,
  checkVersion,
}: SnapshotsDependencies): SnapshotService {
  const file = join(folder, 'snapshot.json');
  const listeners: ((snapshot: Snapshot) => void)[] = [];
  let current = EMPTY_SNAPSHOT;
  let version = -1;
  let readAt = Number.NEGATIVE_INFINITY;
  let fromDisk = false;
  let away = false;
  let isRead = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  let again = false;
  let saving: Promise<void> = Promise.resolve();
  const unsubscribe: (() => void)[] = [];

  function publish(snapshot: Snapshot): void {
    current = snapshot;
    for (const listener of listeners) listener(snapshot);
  }

  /** The version first, the rows after it: what is served is never older than what is confirmed. */
  async function look(): Promise<void> {
    const standing = await changes.version();
    if (standing === version && clock.monotonic() - readAt < REFRESH_MS) return;
    // Once it can, it can: no process lives through two versions of itself.
    if (!isRead) await checkVersion?.();
    isRead = true;
    const snapshot = await readSnapshot(store, clock.now());
    publish(snapshot);
    version = standing;
    readAt = clock.monotonic();
    fromDisk = false;
    save(snapshot);
  }

  function check(): Promise<void> {
    if (running) {
      again = true;
      return running;
    }
    running = (async () => {
      do {
        again = false;
        try {
          await look();
          if (away) log.info('the store is back, the snapshot is fresh');
          away = false;
        } catch (error) {
          if (!away) log.warn({ err: error }, 'the snapshot cannot be read, the last one is served');
          away = true;
        }
        // A confirmation that does not arrive is repeated within a second; whoever waits for it gives up after two.
        if (version >= 0) await roster.confirm(node, version).catch(() => undefined);
      } while (again);
    })().finally(() => (running = null));
    return running;
  }

  function save(snapshot: Snapshot): void {
    saving = saving
      .then(async () => {
        if (snapshot !== current) return;
        await mkdir(folder, { recursive: true });
        await writeFile(`${file}.new`, JSON.stringify({ format: FORMAT, snapshot }), { mode: 0o600 });
        await rename(`${file}.new`, file);
      })
      .catch((error: unknown) => log.warn({ err: error }, 'the snapshot cannot be kept on disk'));
  }

  async function recall(): Promise<void> {
    try {
      const kept = JSON.parse(await readFile(file, 'utf8')) as { format: number; snapshot: Snapshot };
      if (kept.format !== FORMAT) return;
      fromDisk = true;
      publish(kept.snapshot);
    } catch {
      // None is there, or it was cut short: the store has to be asked.
    }
  }

  let unknownAt = Number.NEGATIVE_INFINITY;

  return {
    current: () => current,
    onChange: (listener) => void listeners.push(listener),
    unknownCredential() {
      if (clock.monotonic() - unknownAt < POLL_MS) return;
      unknownAt = clock.monotonic();
      void check();
    },
    async start() {
      await recall();
      const hear = () => void check();
      unsubscribe.push(
        signals.subscribe('catalogue-changed', hear),
        signals.subscribe('credential-changed', hear),
        signals.subscribe('window-announced', hear),
        signals.subscribe('clock-moved', () => {
          readAt = Number.NEGATIVE_INFINITY;
          void check();
        }),
      );
      await check();
      timer = setInterval(() => void check(), pollMs);
    },
    async stop() {
      clearInterval(timer);
      for (const end of unsubscribe) end();
      await running;
      await saving;
      await roster.leave(node).catch(() => undefined);
    },
    ready: () => (version >= 0 || fromDisk ? true : 'no snapshot yet'),
    served: () => version,
  };
}
