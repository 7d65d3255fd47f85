import type { Connection } from 'mongoose';
import { makeClock } from '../kernel/clock.ts';
import { makeIds } from '../kernel/ids.ts';
import { makeAccessStore } from './access.ts';
import { makeAccessKeysStore } from './access-keys.ts';
import { makeAccountsStore } from './accounts.ts';
import { makeApisStore } from './apis.ts';
import { makeAppsStore } from './apps.ts';
import { makeAuditStore } from './audit.ts';
import { connectStore } from './connect.ts';
import { makeDocumentsStore } from './documents.ts';
import { makeEndpointsStore } from './endpoints.ts';
import { makeGatewaysStore } from './gateways.ts';
import { makeIdempotencyStore } from './idempotency.ts';
import { makeInboxStore } from './inbox.ts';
import { makeInvoicesStore } from './invoices.ts';
import { makeLedgerStore } from './ledger.ts';
import { makeTouchList } from './list-versions.ts';
import { makeMailsStore } from './mails.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { checkVersion, migrate, versionOf, type MigratingOptions } from './migrations/run.ts';
import { makePasskeysStore } from './passkeys.ts';
import { makePeriodsStore } from './periods.ts';
import { makeProductsStore } from './products.ts';
import { makeSessionsStore } from './sessions.ts';
import { makeServiceAccountsStore } from './service-accounts.ts';
import { makeSettingsStore } from './settings.ts';
import { makeSignOnStore } from './sign-on.ts';
import { makeSpentStore } from './spent.ts';
import { makeSubscriptionsStore } from './subscriptions.ts';
import { makeUsageStore } from './usage.ts';
import { makeUsageSplitsStore } from './usage-splits.ts';
import { makeUsageTotalsStore } from './usage-totals.ts';
import { makeVersionNoticesStore } from './version-notices.ts';

export type Store = ReturnType<typeof makeStore>;

/**
 * Everything that is kept. Connects, brings what earlier versions kept into today's shape, and makes what indexes are missing (they hold invariants, so
 * nothing starts without them).
 * @throws MongooseServerSelectionError within 3 s when the store does not answer; DatabaseTooNew when a later version has been here
 */
export async function openStore(uri: string, { migrating, ...options }: { maxPoolSize?: number; migrating?: MigratingOptions } = {}): Promise<Store> {
  const connection = await connectStore(uri, options).asPromise();
  const store = makeStore(connection);
  try {
    await migrate(connection, store.settings, migrating ?? { owner: makeIds().uuid(), real: makeClock().real });
    await store.createIndexes();
  } catch (error) {
    await connection.close();
    throw error;
  }
  return store;
}

/**
 * For the gateway, which starts and serves with the store away: waits a moment, then connects in the background for as long as it takes; until then
 * every query fails at once.
 */
export async function openStoreLater(
  uri: string,
  { retryMs = 1_000, waitMs = 0, ...options }: { maxPoolSize?: number; retryMs?: number; waitMs?: number } = {},
): Promise<Store> {
  const connection = connectStore(uri, options);
  const connected = connection.asPromise();
  const again = (): void => {
    setTimeout(() => void connection.openUri(uri).catch(again), retryMs).unref();
  };
  connected.catch(again);
  await Promise.race([connected.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, waitMs))]);
  return makeStore(connection);
}

function makeStore(connection: Connection) {
  const settings = makeSettingsStore(connection);
  const touch = makeTouchList(settings);
  const parts = {
    access: makeAccessStore(connection, touch),
    accessKeys: makeAccessKeysStore(connection, touch),
    accounts: makeAccountsStore(connection, touch),
    apis: makeApisStore(connection),
    apps: makeAppsStore(connection, touch),
    audit: makeAuditStore(connection),
    documents: makeDocumentsStore(connection),
    endpoints: makeEndpointsStore(connection, touch),
    gateways: makeGatewaysStore(connection, touch),
    idempotency: makeIdempotencyStore(connection),
    inbox: makeInboxStore(connection, touch),
    invoices: makeInvoicesStore(connection, touch),
    ledger: makeLedgerStore(connection),
    mails: makeMailsStore(connection),
    passkeys: makePasskeysStore(connection),
    periods: makePeriodsStore(connection, touch),
    products: makeProductsStore(connection, touch),
    sessions: makeSessionsStore(connection, touch),
    serviceAccounts: makeServiceAccountsStore(connection, touch),
    settings,
    signOn: makeSignOnStore(connection, touch),
    spent: makeSpentStore(connection),
    subscriptions: makeSubscriptionsStore(connection, touch),
    usage: makeUsageStore(connection, touch),
    usageSplits: makeUsageSplitsStore(connection),
    usageTotals: makeUsageTotalsStore(connection),
    versionNotices: makeVersionNoticesStore(connection),
  };
  return {
    ...parts,
    connection,
    /** @throws DatabaseTooNew, DatabaseTooOld when this program cannot read rightly what is kept */
    checkVersion: () => checkVersion(parts.settings),
    /** Of the database, and what this program knows. */
    version: async () => ({ version: await versionOf(parts.settings), known: MIGRATIONS.length }),
    async createIndexes() {
      for (const { models } of Object.values(parts)) for (const model of models) await model.createIndexes();
    },
    /** Milliseconds of a round trip. */
    async ping(monotonic: () => number) {
      const before = monotonic();
      await connection.db?.admin().ping();
      return monotonic() - before;
    },
    close: () => connection.close(),
  };
}
