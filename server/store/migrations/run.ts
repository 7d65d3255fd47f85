import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from 'mongoose';
import type { SettingsStore } from '../settings.ts';
import { MIGRATIONS } from './index.ts';
import type { Migration } from './step.ts';

/** The setting that says how many steps a database has behind it. */
const VERSION = 'databaseVersion';
const LEASE = 'migration';
/** Renewed after every batch: whoever dies in a step is followed after this. */
const LEASE_MS = 15_000;
const POLL_MS = 250;
/** Progress is worth a line, and a renewed lease, this often. */
const TELL_MS = 2_000;

/** A database that a later version of this program has brought further: what it holds cannot be read rightly here. */
export class DatabaseTooNew extends Error {
  constructor(version: number, known: number) {
    super(
      `MONGODB_URI: the database is at version ${version}, and this program knows ${known}: a later version of it has been here. Start that one, or restore the backup of before`,
    );
    this.name = 'DatabaseTooNew';
  }
}

/** A database that is still to be brought further, by a portal or a worker that starts. */
export class DatabaseTooOld extends Error {
  constructor(version: number, known: number) {
    super(`the database is at version ${version} of ${known}: the portal or the worker brings it further when it starts`);
    this.name = 'DatabaseTooOld';
  }
}

/** Somebody else goes on with what we had begun. */
class LeaseLost extends Error {}

export interface MigrationNews {
  /** 1, 2 … */
  readonly step: number;
  readonly steps: number;
  readonly name: string;
  readonly state: 'begun' | 'done' | 'running' | 'waiting';
  /** Documents changed so far. */
  readonly done: number;
}

export interface MigratingOptions {
  /** Of this process alone. */
  readonly owner: string;
  /** Epoch ms of the machine. */
  readonly real: () => number;
  readonly tell?: (news: MigrationNews) => void;
  readonly migrations?: readonly Migration[];
  readonly leaseMs?: number;
}

/** Null: nothing was ever kept in this database, or it was kept before databases had a version. */
export const versionOf = async (settings: Pick<SettingsStore, 'get'>): Promise<number | null> => (await settings.get<number>(VERSION)) ?? null;

/** @throws DatabaseTooNew, DatabaseTooOld */
export async function checkVersion(settings: Pick<SettingsStore, 'get'>, known = MIGRATIONS.length): Promise<void> {
  const version = (await versionOf(settings)) ?? 0;
  if (version > known) throw new DatabaseTooNew(version, known);
  if (version < known) throw new DatabaseTooOld(version, known);
}

/**
 * Bring a database into the shape that this program reads, before anything else is done with it; of several that start at once one does it and the others wait.
 * The mark moves after each step, so that a start after a crash goes on with the step that was cut short.
 *
 * @throws DatabaseTooNew before anything was written
 */
export async function migrate(
  connection: Connection,
  settings: SettingsStore,
  { owner, real, tell = () => undefined, migrations = MIGRATIONS, leaseMs = LEASE_MS }: MigratingOptions,
): Promise<void> {
  const database = connection.db;
  if (!database) throw new Error('the database is not connected');
  const steps = migrations.length;
  const take = (note: unknown) => settings.lease(LEASE, owner, real(), real() + leaseMs, note);

  async function runStep(step: number, { name, run }: Migration): Promise<void> {
    const news = (state: MigrationNews['state'], done: number): MigrationNews => ({ step, steps, name, state, done });
    let done = 0;
    let toldAt = real();
    tell(news('begun', 0));
    await run(database as NonNullable<typeof database>, async (more) => {
      done += more;
      if (!(await take(news('running', done)))) throw new LeaseLost();
      if (real() - toldAt < TELL_MS) return;
      toldAt = real();
      tell(news('running', done));
    });
    if (!(await take(news('done', done)))) throw new LeaseLost();
    await settings.raise(VERSION, step);
    tell(news('done', done));
  }

  let waited = false;
  for (;;) {
    const version = await versionOf(settings);
    if (version !== null && version > steps) throw new DatabaseTooNew(version, steps);
    if (version === steps) return;
    if (version === null && (await isEmpty(database))) return settings.raise(VERSION, steps);
    if (!(await take(null))) {
      if (!waited) tell({ step: (version ?? 0) + 1, steps, name: migrations[version ?? 0]?.name ?? '', state: 'waiting', done: 0 });
      waited = true;
      await sleep(POLL_MS);
      continue;
    }
    try {
      // Read again under the lease: whoever had it before may have ended just now.
      for (let at = (await versionOf(settings)) ?? 0; at < steps; at += 1) await runStep(at + 1, migrations[at] as Migration);
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error;
    } finally {
      await settings.release(LEASE, owner).catch(() => undefined);
    }
  }
}

/** What a sandbox keeps in the settings before anything else is no document of an earlier version. */
async function isEmpty(database: NonNullable<Connection['db']>): Promise<boolean> {
  for (const { name } of await database.listCollections({}, { nameOnly: true }).toArray()) {
    if (name === 'settings' || name.startsWith('system.')) continue;
    if ((await database.collection(name).findOne({}, { projection: { _id: 1 } })) !== null) return false;
  }
  return true;
}
