import type { Actor } from '../../server/domain/actor.ts';
import { callLine, sharedLine } from '../../server/domain/call-lines.ts';
import type { CallRecord, Outcome } from '../../server/domain/metering.ts';
import type { Log } from '../../server/kernel/log.ts';
import type { UsageEntry } from '../../server/store/usage.ts';
import { definition, planDocument, productFields } from './catalog-world.ts';
import { startPortal, type Portal } from './portal.ts';
import { TEST_KEY, TEST_WEBHOOK_SECRET, testStripe, type TestStripe } from './stripe.ts';

export interface BuyerPortal extends Portal {
  readonly stripe: TestStripe;
  readonly provider: Actor;
  /** Sold by Atlas Data under the plans free, starter and payg. */
  readonly listing: { readonly slug: string; readonly productId: string; readonly planIds: Readonly<Record<'free' | 'payg' | 'starter', string>> };
  /** Calls of a subscription's running window, as gateways would have stored them. */
  recordCalls(
    subscriptionId: string,
    calls: readonly { readonly count: number; readonly outcome: string; readonly operation?: string; readonly at?: number; readonly credential?: string }[],
  ): Promise<void>;
  actorOf(organizationId: string, userId: string): Actor;
}

/** The portal with Stripe's stand-in and one listed product of another organization. */
export async function startBuyerPortal(more: Record<string, string> = {}, log?: Log): Promise<BuyerPortal> {
  const stripe = await testStripe();
  const portal = await startPortal({ STRIPE_API_BASE: stripe.url, STRIPE_SECRET_KEY: TEST_KEY, STRIPE_WEBHOOK_SECRET: TEST_WEBHOOK_SECRET, ...more }, log);
  const { services, store, clock, ids } = portal.composition;
  const actorOf = (organizationId: string, userId: string): Actor => ({
    kind: 'user',
    userId,
    organizationId,
    policies: ['Administrator'],
    address: '127.0.0.1',
    requestId: 'req_test',
  });
  const seller = await portal.member('Atlas');
  const provider = actorOf(seller.organizationId, seller.userId);
  const { catalog } = services;
  await catalog.sellers.save(provider, {
    displayName: 'Atlas Data',
    slug: 'atlas-data',
    website: 'https://atlas.example.com',
    supportEmail: 'help@atlas.example.com',
    about: '',
  });
  const gateway = await catalog.gateways.create(provider, { name: 'Main', description: '' });
  const group = await catalog.groups.create(provider, gateway._id, { name: 'Cities', description: '', label: 'cities' });
  const apis = await Promise.all(
    ['/cities', '/cities/{id}'].map((path) =>
      catalog.apis.create(provider, gateway._id, group._id, definition(path, { backend: { kind: 'mock', status: 200, headers: [], body: '{}' } })),
    ),
  );
  await catalog.publishing.publish(
    provider,
    gateway._id,
    apis.map(({ _id }) => _id),
    'first',
  );
  const product = await catalog.products.create(
    provider,
    group._id,
    apis.map(({ _id }) => _id),
    productFields({ slug: 'cities', name: 'Cities of the world', tagline: 'Places with more than 1,000 people' }),
  );
  const plan = async (name: string, title: string, form: Parameters<typeof planDocument>[0]) =>
    (await catalog.plans.create(provider, product._id, { name, title, summary: '' }, planDocument(form)))._id;
  const planIds = {
    free: await plan('free', 'Free', { kind: 'free', quota: 'hard', quotaLimit: '500' }),
    starter: await plan('starter', 'Starter', { kind: 'fee', fee: '10.00', included: '1000', price: '5.00', per: '1000' }),
    payg: await plan('payg', 'Pay as you go', { kind: 'payg', price: '2.00', per: '1000' }),
  };
  await catalog.products.submit(provider, product._id);
  const submitted = await catalog.products.get(provider, product._id);
  await catalog.reviews.approve({ ...provider, organizationId: 'org_platform', policies: ['Operator'] }, product._id, submitted.rev);
  await services.storefront.refresh();

  let batches = 0;
  return {
    ...portal,
    stripe,
    provider,
    actorOf,
    listing: { slug: 'cities', productId: product._id, planIds },
    async recordCalls(subscriptionId, calls) {
      const subscription = await store.subscriptions.get(subscriptionId);
      if (!subscription) throw new Error(`no ${subscriptionId}`);
      const window = `${subscription.periodIndex}.0`;
      // A batch spans a day at most; here each group of calls is one.
      for (const { count, outcome, operation = 'GET /cities', at = clock.now(), credential = 'crd_none' } of calls) {
        const about = { sub: subscriptionId, window, app: subscription.appId, credential, api: apis[0]?._id ?? '', operation };
        const hour = Math.floor(at / 3_600_000) * 3_600_000;
        const entry: UsageEntry = {
          ...about,
          hour,
          outcome,
          calls: BigInt(count),
          units: { requests: BigInt(count) },
          bytesIn: BigInt(count * 120),
          bytesOut: BigInt(count * 1_400),
        };
        const logged = Array.from({ length: Math.min(count, 60) }, (_call, n): CallRecord => ({
          gatewayId: '',
          environmentId: '',
          planVersionId: '',
          subscriptionId,
          window,
          appId: about.app,
          credentialId: credential,
          apiId: about.api,
          operation,
          callId: ids.next('call'),
          admittedAt: at - n * 1_000,
          method: 'GET',
          path: operation.split(' ')[1] ?? '/',
          outcome: outcome as Outcome,
          status: /^\d{3}$/.test(outcome) ? Number(outcome) : 0,
          bytesIn: 120,
          bytesOut: 1_400,
          upstreamMs: 8 + (n % 9),
          totalMs: 10 + (n % 9),
          units: { requests: 1 },
          receipt: n,
          via: '',
        }));
        const lines = logged.map((call, n) => sharedLine(n, call) + callLine(n, n, call)).join('');
        const _id = ids.next('evt');
        const batch = {
          _id,
          node: 'gw1',
          boot: 'b',
          number: (batches += 1),
          entries: [entry],
          subs: [subscriptionId],
          windows: [`${subscriptionId}|${window}`],
          minTs: hour,
          maxTs: at,
          storedAt: clock.now(),
          sha256: _id,
        };
        await store.usage.addBatch(batch as Parameters<typeof store.usage.addBatch>[0]);
        await store.usage.addLog({ _id, subs: [subscriptionId], noted: [], minTs: hour, lines, expiresAt: new Date(clock.real() + 86_400_000) });
      }
    },
    async stop() {
      await portal.stop();
      await stripe.close();
    },
  };
}
