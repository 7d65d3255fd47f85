import { MongoClient } from 'mongodb';

type Doc = Record<string, unknown> & { _id: string };

/** Fields that a collection got later than its first documents. */
const LATER: Readonly<Record<string, readonly string[]>> = {
  gateways: ['slot', 'gone', 'goneAt', 'deletion', 'deleting', 'confirmed', 'windowStart', 'maintenance', 'privateOnly'],
  groups: ['slot', 'gone'],
  apis: ['slot'],
  apps: ['slot'],
  products: ['slot'],
  policies: ['slot'],
  userGroups: ['slot'],
  memberships: ['rev', 'groups'],
  audit: ['things', 'outcome', 'key'],
  organizations: ['rules'],
};
/** What there was none of. */
const NEW = new Set(['accessKeys', 'serviceAccounts', 'usageBoots', 'usageTotals', 'sessions', 'passkeys']);

/** Ids of what the earlier database holds beside the copy. */
export const EARLIER = {
  subscription: 'sub_earlier',
  credit: 'inv_earlier.2',
  taken: 'inv_earlier.1',
  session: 'earlier-session',
  full: 'gw_earlier',
  lost: ['inv_earlier.10', 'inv_earlier.11', 'inv_earlier.12'],
} as const;

const invoice = (periodIndex: number, carriedInMinor: bigint, carriedMinor: bigint): Doc => ({
  _id: `inv_earlier.${periodIndex}`,
  subscriptionId: EARLIER.subscription,
  organizationId: 'org_earlier',
  providerId: 'org_seller',
  productId: 'prd_earlier',
  kind: 'period',
  periodIndex,
  ordinal: 0,
  status: 'paid',
  void: false,
  currency: 'usd',
  lines: [],
  subtotalMinor: 0n,
  carriedInMinor,
  totalMinor: 0n,
  chargeMinor: 0n,
  carriedMinor,
  hash: 'h',
  number: periodIndex + 1,
  numbered: true,
  step: 'done',
  stepAt: 1,
  unsettled: false,
  stripeInvoiceId: null,
  stripeUrl: null,
  issuedAt: periodIndex + 1,
  paidAt: 1,
  attempts: 0,
  attemptKey: '',
  lastFailure: '',
  waitingFor: null,
  nextAttemptAt: null,
  usageFrom: null,
  usageTo: null,
});

const lost = { ...invoice(10, 0n, 0n), subscriptionId: 'sub_lost', organizationId: 'org_lost' };

const batch = (number: number, units: bigint): Doc => ({
  _id: `gw1.b1.${number}`,
  node: 'gw1',
  boot: 'b1',
  number,
  entries: [
    {
      ...{ sub: EARLIER.subscription, window: '0.0', hour: 3_600_000 * number, app: 'app_1', credential: 'crd_1', api: 'api_1', operation: 'op' },
      ...{ outcome: '200', calls: units, units: { requests: units }, bytesIn: 0n, bytesOut: 0n },
    },
  ],
  subs: [EARLIER.subscription],
  windows: [`${EARLIER.subscription}|0.0`],
  minTs: 3_600_000 * number,
  maxTs: 3_600_000 * number,
  storedAt: 3_600_000 * number,
  sha256: 'x',
});

/** A gateway with so many APIs that they are brought further in several batches. */
function largeGateway(apis: number): Readonly<Record<string, Doc[]>> {
  const ours = { organizationId: 'org_earlier', createdAt: 1, rev: 1 };
  return {
    gateways: [{ _id: EARLIER.full, ...ours, name: 'Large', description: '', edition: 'professional', parameters: {}, tags: [] }],
    groups: [{ _id: 'grp_earlier', ...ours, gatewayId: EARLIER.full, label: 'earlier', name: 'Large', description: '' }],
    apis: Array.from({ length: apis }, (_, n) => ({
      ...{ _id: `api_${String(n).padStart(5, '0')}`, ...ours, gatewayId: EARLIER.full, groupId: 'grp_earlier', createdAt: n + 1 },
      ...{ updatedAt: 1, routeKey: `GET /${n}`, serving: {}, definition: { name: `${n}`, frontend: { method: 'GET', path: `/${n}`, match: 'exact' } } },
    })),
  };
}

/**
 * Write what a database holds into another one in the shape it had before fields came later, without a version, with the indexes of then and with documents
 * that only then had their form: invoices that carried on by their amounts alone, sessions of another library, usage batches in no total.
 */
export async function writeEarlier(from: string, to: string, { apis }: { apis: number }): Promise<void> {
  const options = { useBigInt64: true };
  const [source, target] = [await MongoClient.connect(from, options), await MongoClient.connect(to, options)];
  try {
    for (const { name } of await source.db().listCollections().toArray()) {
      const docs = await source.db().collection<Doc>(name).find().toArray();
      const kept = docs.filter(({ _id }) => name !== 'settings' || !['databaseVersion', 'migration'].includes(_id));
      if (NEW.has(name) || kept.length === 0) continue;
      const later = new Set(LATER[name] ?? []);
      const earlier = kept.map((doc) => Object.fromEntries(Object.entries(doc).filter(([field]) => !later.has(field))));
      await target.db().collection(name).insertMany(earlier);
    }
    const more = {
      ...largeGateway(apis),
      invoices: [
        ...[invoice(0, 0n, 30n), invoice(1, 30n, -12n), invoice(2, -12n, 45n)],
        // Written off: one was paid after all, of the other nothing was the platform's, and one is not in the books yet.
        { ...lost, _id: EARLIER.lost[0], periodIndex: 10, number: 10 },
        ...[1, 2].map((n) => ({ ...lost, _id: EARLIER.lost[n] ?? '', periodIndex: 10 + n, number: 10 + n, status: 'uncollectible', stepAt: 70 })),
      ],
      ledgerTxns: [
        ...[0, 1].map((n) => ({ _id: `writeoff.${EARLIER.lost[n]}`, currency: 'usd', entries: [], at: 50 + n, bookedAt: 50 + n })),
        { _id: `writeoff.reversed.${EARLIER.lost[0]}`, currency: 'usd', entries: [], at: 60, bookedAt: 60 },
      ],
      sessions: [{ _id: EARLIER.session, expires: new Date('2100-01-01'), session: '{}' }],
      usageBatches: [batch(1, 3n), batch(2, 4n)],
    };
    for (const [name, docs] of Object.entries(more)) await target.db().collection<Doc>(name).insertMany(docs);
    await target.db().collection('groups').createIndex({ gatewayId: 1 });
    await target.db().collection('gateways').createIndex({ organizationId: 1 });
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

/** Every document of a database, without what the start itself writes. */
export async function contentOf(uri: string): Promise<Record<string, unknown>> {
  const client = await MongoClient.connect(uri, { useBigInt64: true });
  try {
    const all: Record<string, unknown> = {};
    for (const { name } of await client.db().listCollections().toArray())
      for (const doc of await client.db().collection<Doc>(name).find().toArray()) if (doc._id !== 'migration') all[`${name}/${doc._id}`] = doc;
    return all;
  } finally {
    await client.close();
  }
}
