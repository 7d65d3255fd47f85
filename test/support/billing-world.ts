import { makeClock, type Clock } from '../../server/kernel/clock.ts';
import { makeIds } from '../../server/kernel/ids.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { isBillableOutcome } from '../../server/domain/billable.ts';
import { parsePlanDocument, planHash } from '../../server/domain/plan.ts';
import type { Actor } from '../../server/domain/actor.ts';
import { makeAudit } from '../../server/services/audit.ts';
import { makeEarnings } from '../../server/services/earnings.ts';
import { makeInvoicing, type Invoicing, type UsageGroup } from '../../server/services/invoicing.ts';
import type { Letter } from '../../server/services/letters.ts';
import { makePlanAnnouncements, type PlanAnnouncements } from '../../server/services/plan-announcements.ts';
import { makePlans, type Plans } from '../../server/services/catalog/plans.ts';
import { makeSellerLists } from '../../server/services/catalog/seller-lists.ts';
import { makeSubscriptions, type Subscriptions } from '../../server/services/subscriptions.ts';
import type { InvoiceDoc } from '../../server/store/invoices.ts';
import { openStore, type Store } from '../../server/store/index.ts';
import { makePayments, type Payments } from '../../server/stripe/payments.ts';
import { testMongo } from './engines.ts';
import { CARDS, TEST_KEY, testStripe, typeCard, type TestStripe } from './stripe.ts';

export const STARTER = {
  currency: 'usd',
  interval: 'month',
  base_amount: 1000,
  meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.5', included: 1000 } }],
};

export const BUYER = 'org_buyer';
export const PROVIDER = 'org_provider';
export const LATENESS_SECONDS = 900;
export const START = Date.UTC(2030, 4, 5, 12, 0, 0);

const actor = (organizationId: string): Actor => ({
  kind: 'user',
  userId: 'usr_1',
  organizationId,
  policies: ['Administrator'],
  address: '',
  requestId: 'test',
});
export const buyer = actor(BUYER);
export const operator = actor('org_platform');
export const provider = actor(PROVIDER);

/** Usage as the test says it: what metering would have stored. */
export interface FakeUsage {
  add(subscriptionId: string, group: UsageGroup): void;
  record(subscriptionId: string, period: number, count: number, outcome?: string): void;
  watermarkAt: number | null;
}

export interface BillingWorld {
  /** Of the database, for a second connection. */
  readonly uri: string;
  readonly store: Store;
  readonly stripe: TestStripe;
  readonly clock: Clock;
  readonly usage: FakeUsage;
  readonly invoicing: Invoicing;
  readonly subscriptions: Subscriptions;
  readonly planAnnouncements: PlanAnnouncements;
  readonly plans: Plans;
  /** Another process over the same store and Stripe; `payments` may stand in for a connection that breaks. */
  process(overrides?: { payments?: (real: Payments) => Payments; store?: (real: Store) => Store }): {
    invoicing: Invoicing;
    planAnnouncements: PlanAnnouncements;
    plans: Plans;
    subscriptions: Subscriptions;
  };
  /** Move product's and Stripe's clock to an instant. */
  travel(to: number): void;
  plan(document?: object): Promise<{ planId: string; productId: string }>;
  /** Buy it with this card, up to the activation. */
  subscribe(planId: string, card?: string): Promise<string>;
  boundary(subscriptionId: string, index: number): Promise<number>;
  /** Go past the end of period `index` and its lateness, and run what is due. */
  endPeriod(subscriptionId: string, index: number): ReturnType<Invoicing['round']>;
  /** The invoice of a boundary. @throws when there is none */
  invoice(subscriptionId: string, index: number): Promise<InvoiceDoc>;
  /** Of a ledger account, minor units, debit positive. */
  balance(account: string): Promise<bigint>;
  /** Told to organizations so far. */
  readonly letters: readonly Letter[];
  /** Mails about new terms so far; while `refused`, the mail server takes none. */
  readonly mails: { readonly sent: { to: string; subject: string; lines: readonly string[]; path: string }[]; refused: boolean };
  close(): Promise<void>;
}

/** Store and Stripe's stand-in for real; usage, audit and the gateways' confirmation as the test needs them. */
export async function billingWorld({ platformFeeBps = 2000n }: { readonly platformFeeBps?: bigint } = {}): Promise<BillingWorld> {
  const mongo = await testMongo();
  const store = await openStore(mongo.uri);
  let real = START;
  const clock = makeClock({ real: () => real });
  const stripe = await testStripe({ clock: makeClock({ real: () => real }) });
  const ids = makeIds();
  const log = makeLog('silent', 'test');
  const payments = makePayments({ secretKey: TEST_KEY, apiBase: stripe.url, retries: 0 });
  const groups: { subscriptionId: string; group: UsageGroup }[] = [];
  const usage: FakeUsage = {
    watermarkAt: null,
    add: (subscriptionId, group) => void groups.push({ subscriptionId, group }),
    record: (subscriptionId, period, count, outcome = '200') =>
      usage.add(subscriptionId, { window: `${period}.0`, outcome, units: { requests: BigInt(count) } }),
  };
  const reader = {
    watermark: async () => usage.watermarkAt ?? clock.now(),
    usageOf: async (subscriptionId: string, windows: readonly string[]) =>
      groups.filter((entry) => entry.subscriptionId === subscriptionId && windows.includes(entry.group.window)).map(({ group }) => group),
    // The default rule: the plans of this world have no other.
    billableSoFar: async (subscriptionId: string, windows: readonly string[]) =>
      new Map(
        windows.map((window) => {
          const units: Record<string, bigint> = {};
          for (const { group } of groups.filter((entry) => entry.subscriptionId === subscriptionId && entry.group.window === window)) {
            if (!isBillableOutcome({ billableStatuses: ['2xx'], billAborted: false }, group.outcome)) continue;
            for (const [meter, count] of Object.entries(group.units)) units[meter] = (units[meter] ?? 0n) + count;
          }
          return [window, units] as const;
        }),
      ),
  };
  const audit = makeAudit({ store, clock, ids });
  const letters: Letter[] = [];
  const sendLetter = async (letter: Letter) => void letters.push(letter);
  const mails: BillingWorld['mails'] = { sent: [], refused: false };
  const notifications = {
    message: async (to: string, subject: string, lines: readonly string[], path: string) => {
      if (mails.refused) throw new Error('the mail server is away');
      mails.sent.push({ to, subject, lines, path });
    },
  };
  const readers = async (organizationId: string) => [`${organizationId}@demo.test`, `second.${organizationId}@demo.test`];
  const changes = { announce: async () => 1, announced: async () => true, version: async () => 1, standing: async () => null };

  function process({
    payments: around = (same: Payments) => same,
    store: beside = (same: Store) => same,
  }: NonNullable<Parameters<BillingWorld['process']>[0]> = {}) {
    const shared = { store: beside(store), payments: around(payments), audit, clock, ids };
    const earnings = makeEarnings(shared);
    const made: { subscriptions?: Subscriptions } = {};
    const invoicing = makeInvoicing({
      ...shared,
      usage: reader,
      earnings,
      log,
      platformFeeBps,
      subscriptions: () =>
        made.subscriptions ??
        (() => {
          throw new Error('not made yet');
        })(),
    });
    made.subscriptions = makeSubscriptions({ ...shared, changes, sendLetter, invoicing, webUrl: 'http://shop.test', latenessSeconds: LATENESS_SECONDS });
    const { subscriptions } = made;
    const planAnnouncements = makePlanAnnouncements({ ...shared, subscriptions, readers, notifications, changes, log });
    const plans = makePlans({ ...shared, changes, sellerLists: makeSellerLists(shared), upstreamAllow: new Set() });
    return { invoicing, planAnnouncements, plans, subscriptions };
  }

  const main = process();
  const now = clock.now();
  await store.accounts.addUser({ _id: 'usr_1', email: 'buyer@demo.test', name: 'Buyer', passwordHash: 'none', verifiedAt: now, createdAt: now });
  for (const _id of [BUYER, PROVIDER]) {
    await store.accounts.addOrganization({
      _id,
      name: _id,
      kind: 'customer',
      ownerId: 'usr_1',
      seller: null,
      sellerSlug: null,
      stripeCustomerId: null,
      paymentMethod: null,
      createdAt: now,
      rev: 0,
    });
  }
  await store.apps.addApp({ _id: 'app_1', organizationId: BUYER, name: 'App', description: '', createdAt: now, deletedAt: null, rev: 0 }, 10);

  const boundary = async (subscriptionId: string, index: number): Promise<number> => {
    const before = index === 0 ? null : await store.periods.get(subscriptionId, index - 1);
    const at = before?.endAt ?? (await store.periods.get(subscriptionId, index))?.startAt;
    if (at === undefined) throw new Error(`no boundary ${index}`);
    return at;
  };
  const travel = (to: number): void => {
    real = to;
    stripe.tick();
  };

  return {
    uri: mongo.uri,
    store,
    stripe,
    clock,
    usage,
    ...main,
    process,
    travel,
    boundary,
    letters,
    mails,
    async plan(document = STARTER) {
      const reading = parsePlanDocument(document);
      if (reading.fault) throw new Error(reading.fault.path);
      const [productId, planId] = [ids.next('prd'), ids.next('plan')];
      await store.products.addProduct(
        {
          _id: productId,
          slug: productId,
          organizationId: PROVIDER,
          gatewayId: 'gw_1',
          environmentId: 'env_1',
          groupId: 'grp_1',
          apiIds: [`api_${productId}`],
          name: 'Cities',
          tagline: '',
          description: '',
          category: '',
          tags: [],
          logo: null,
          terms: '',
          dataSource: '',
          dataLicence: '',
          status: 'listed',
          statusReason: '',
          submittedAt: null,
          listedAt: now,
          createdAt: now,
          updatedAt: now,
          rev: 0,
        },
        10_000,
      );
      await store.products.addPlanVersion({
        _id: `${planId}_v1`,
        planId,
        planName: 'Starter',
        productId,
        n: 1,
        document: reading.document,
        hash: planHash(reading.document),
        publishedAt: now,
        effectiveAt: null,
        standing: 'offered',
      });
      await store.products.addPlan({
        _id: planId,
        productId,
        name: 'starter',
        title: 'Starter',
        summary: '',
        ordinal: 0,
        currentVersionId: `${planId}_v1`,
        versions: 1,
        retired: false,
        createdAt: now,
        rev: 0,
      });
      return { planId, productId };
    },
    async subscribe(planId, card = CARDS.good) {
      const { subscriptionId, checkoutUrl } = await main.subscriptions.begin(buyer, { planId, appId: 'app_1', requestId: ids.uuid() });
      if (checkoutUrl !== null) {
        await typeCard(checkoutUrl, card);
        await main.subscriptions.refresh(buyer, subscriptionId);
      }
      return subscriptionId;
    },
    async endPeriod(subscriptionId, index) {
      travel((await boundary(subscriptionId, index + 1)) + LATENESS_SECONDS * 1000);
      return main.invoicing.round();
    },
    async invoice(subscriptionId, index) {
      const found = await store.invoices.get(`inv_${subscriptionId}_${index}`);
      if (!found) throw new Error(`no invoice ${index}`);
      return found;
    },
    async balance(account) {
      const postings = await store.ledger.ofAccount(account, 0, Number.MAX_SAFE_INTEGER);
      return postings.flatMap(({ entries }) => entries).reduce((sum, entry) => (entry.account === account ? sum + entry.amountMinor : sum), 0n);
    },
    async close() {
      await stripe.close();
      await store.close();
      await mongo.drop();
    },
  };
}
