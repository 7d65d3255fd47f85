import type { Actor } from '../../server/domain/actor.ts';
import type { PlanDocument } from '../../server/domain/plan.ts';
import { parsePlanDocument, planHash } from '../../server/domain/plan.ts';
import { makeClock, type Clock } from '../../server/kernel/clock.ts';
import { makeIds, type Ids } from '../../server/kernel/ids.ts';
import type { AppDoc } from '../../server/store/apps.ts';
import { openStore, type Store } from '../../server/store/index.ts';
import type { PlanDoc, ProductDoc } from '../../server/store/products.ts';
import { makeEarnings } from '../../server/services/earnings.ts';
import { makeInvoicing } from '../../server/services/invoicing.ts';
import { makeSubscriptions, type Subscriptions } from '../../server/services/subscriptions.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { makePayments } from '../../server/stripe/payments.ts';
import { makeAudit } from '../../server/services/audit.ts';
import type { Changes } from '../../server/services/changes.ts';
import { testMongo } from './engines.ts';
import { testStripe, type TestStripe } from './stripe.ts';

/** A sandbox's clock that a test moves. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

export function testClock(startAt = Date.UTC(2026, 10, 24, 9, 30, 15, 250)): TestClock {
  const clock = makeClock({ real: () => startAt });
  return { ...clock, advance: (ms) => clock.setOffset(clock.offsetMs() + ms) };
}

/** Changes that nobody has to confirm; what was announced is kept. */
export function quietChanges(): Changes & { readonly announcedKinds: string[] } {
  const announcedKinds: string[] = [];
  let version = 0;
  return {
    announcedKinds,
    announce: (kind) => {
      announcedKinds.push(kind);
      return Promise.resolve((version += 1));
    },
    announced: () => Promise.resolve(true),
    standing: () => Promise.resolve(null),
    version: () => Promise.resolve(version),
  };
}

export const STARTER = {
  currency: 'usd',
  interval: 'month',
  base_amount: 1000,
  meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.5', included: 1000 } }],
};
export const FREE = {
  currency: 'usd',
  interval: 'month',
  meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0' }, quota: { limit: 500, hard: true } }],
};
export const PAYG = { currency: 'usd', interval: 'month', meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.2' } }] };

export interface TestWorld {
  readonly store: Store;
  readonly clock: TestClock;
  readonly ids: Ids;
  readonly audit: ReturnType<typeof makeAudit>;
  readonly changes: ReturnType<typeof quietChanges>;
  /** A customer's organization with its owner. */
  organization(name: string): Promise<Actor>;
  app(actor: Actor, name?: string): Promise<AppDoc>;
  /** A listed product of the provider with plans by name. */
  product(
    provider: Actor,
    slug: string,
    plans: Readonly<Record<string, unknown>>,
    apiIds?: readonly string[],
  ): Promise<{ product: ProductDoc; plans: Record<string, PlanDoc> }>;
  close(): Promise<void>;
}

/** An empty marketplace in a database of its own. */
export async function testWorld(clock: TestClock = testClock()): Promise<TestWorld> {
  const mongo = await testMongo();
  const store = await openStore(mongo.uri);
  const ids = makeIds();
  return {
    store,
    clock,
    ids,
    audit: makeAudit({ store, clock, ids }),
    changes: quietChanges(),
    async organization(name) {
      const [_id, userId] = [ids.next('org'), ids.next('usr')];
      await store.accounts.addUser({ _id: userId, email: `${userId}@demo.test`, name, passwordHash: 'none', verifiedAt: 1, createdAt: 1 });
      await store.accounts.addOrganization({
        _id,
        name,
        kind: 'customer',
        ownerId: userId,
        seller: null,
        sellerSlug: null,
        stripeCustomerId: null,
        paymentMethod: null,
        createdAt: 1,
        rev: 0,
      });
      return { kind: 'user', userId, organizationId: _id, policies: ['Administrator'], address: '127.0.0.1', requestId: 'req_test' };
    },
    async app(actor, name = 'Demo') {
      const app: AppDoc = {
        _id: ids.next('app'),
        organizationId: actor.organizationId,
        name,
        description: '',
        createdAt: clock.now(),
        deletedAt: null,
        rev: 0,
      };
      await store.apps.addApp(app, 10_000);
      return app;
    },
    async product(provider, slug, plans, apiIds = [ids.next('api')]) {
      const product: ProductDoc = {
        _id: ids.next('prd'),
        slug,
        organizationId: provider.organizationId,
        gatewayId: 'gw_test',
        environmentId: 'env_test',
        groupId: 'grp_test',
        apiIds: [...apiIds],
        name: slug,
        tagline: '',
        description: '',
        category: 'data',
        tags: [],
        logo: null,
        terms: '',
        dataSource: '',
        dataLicence: '',
        status: 'listed',
        statusReason: '',
        submittedAt: 1,
        listedAt: 1,
        createdAt: 1,
        updatedAt: 1,
        rev: 0,
      };
      await store.products.addProduct(product, 10_000);
      const made: Record<string, PlanDoc> = {};
      for (const [ordinal, [name, given]] of Object.entries(plans).entries()) {
        const planId = ids.next('plan');
        const document = checked(given);
        const plan: PlanDoc = {
          _id: planId,
          productId: product._id,
          name,
          title: name,
          summary: '',
          ordinal,
          currentVersionId: `${planId}_v1`,
          versions: 1,
          retired: false,
          createdAt: 1,
          rev: 0,
        };
        await store.products.addPlanVersion({
          _id: `${planId}_v1`,
          planId,
          planName: name,
          productId: product._id,
          n: 1,
          document,
          hash: planHash(document),
          publishedAt: 1,
          effectiveAt: null,
          standing: 'offered',
        });
        await store.products.addPlan(plan);
        made[name] = plan;
      }
      return { product, plans: made };
    },
    async close() {
      await store.close();
      await mongo.drop();
    },
  };
}

function checked(given: unknown): PlanDocument {
  const reading = parsePlanDocument(given);
  if (reading.fault) throw new Error(`${reading.fault.path} ${reading.fault.message}`);
  return reading.document;
}

export const WEB_URL = 'http://localhost:3000';

export interface SellingWorld extends TestWorld {
  readonly stripe: TestStripe;
  readonly subscriptions: Subscriptions;
}

/** With subscriptions and invoicing over Stripe's stand-in, on the test's clock. */
export async function sellingWorld(): Promise<SellingWorld> {
  const world = await testWorld();
  const stripe = await testStripe({ clock: world.clock });
  const payments = makePayments({ secretKey: stripe.key, apiBase: stripe.url, retries: 2 });
  const invoicing = makeInvoicing({
    ...world,
    payments,
    earnings: makeEarnings(world),
    log: makeLog('silent', 'test'),
    platformFeeBps: 2000n,
    usage: { watermark: () => Promise.resolve(world.clock.now()), usageOf: () => Promise.resolve([]), billableSoFar: () => Promise.resolve(new Map()) },
    subscriptions: () => subscriptions,
  });
  const subscriptions: Subscriptions = makeSubscriptions({
    ...world,
    payments,
    invoicing,
    sendLetter: async () => undefined,
    webUrl: WEB_URL,
    latenessSeconds: 900,
  });
  return {
    ...world,
    stripe,
    subscriptions,
    async close() {
      await stripe.close();
      await world.close();
    },
  };
}
