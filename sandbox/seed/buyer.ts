import { setTimeout as sleep } from 'node:timers/promises';
import type { Actor } from '../../server/domain/actor.ts';
import type { Services } from '../../server/services/index.ts';
import type { SeededListing } from './provider.ts';

const APP_NAME = 'Harbor demo';
const ACTIVE_MS = 60_000;
/** Stripe's test card that is always accepted. */
const GOOD_CARD = { number: '4242 4242 4242 4242', expiry: '12 / 34', cvc: '123', name: 'Bruno Buyer' };

export interface DemoApp {
  readonly appId: string;
  readonly appKey: string;
  readonly appSecret: string;
  readonly appCode: string;
  readonly subscriptions: Readonly<Record<string, string>>;
}

type Buying = Pick<Services, 'apps' | 'credentials' | 'subscriptions'>;

/** The buyer's app with a key and a code. Secrets are shown once: `kept` are those that an earlier seed wrote down. */
export async function seedApp({ apps, credentials }: Buying, buyer: Actor, kept: Partial<DemoApp> | undefined): Promise<Omit<DemoApp, 'subscriptions'>> {
  const app =
    (await apps.list(buyer)).find(({ app: { name } }) => name === APP_NAME)?.app ??
    (await apps.create(buyer, { name: APP_NAME, description: 'Calls from the demonstration' }));
  if (kept?.appId === app._id && kept.appKey && kept.appSecret && kept.appCode)
    return { appId: app._id, appKey: kept.appKey, appSecret: kept.appSecret, appCode: kept.appCode };
  // What was issued before its secrets could be written down is of no use to anybody.
  for (const { id, status } of await credentials.working(buyer, app._id)) if (status === 'active') await credentials.revoke(buyer, id);
  const key = await credentials.issue(buyer, { appId: app._id, kind: 'key', name: 'Demo key', notAfter: null });
  const code = await credentials.issue(buyer, { appId: app._id, kind: 'code', name: 'Demo code', notAfter: null });
  if (key.kind !== 'key' || code.kind !== 'code') throw new Error('credentials of another kind than asked for');
  return { appId: app._id, appKey: key.appKey, appSecret: key.appSecret, appCode: code.appCode };
}

/**
 * Subscribe as the form does, and pay at the simulator's page as a person would.
 * @returns the subscription's id; undefined when it would cost money at the real Stripe
 */
export async function seedSubscription(
  { subscriptions }: Buying,
  buyer: Actor,
  { listing, plan, appId, payAtSimulator }: { listing: SeededListing; plan: string; appId: string; payAtSimulator: boolean },
): Promise<string | undefined> {
  const present = await subscriptions.liveFor(buyer, listing.productId);
  if (present && present.status !== 'pending') return present._id;
  const planId = listing.plans[plan];
  if (planId === undefined) throw new Error(`no plan ${plan}`);
  if (plan !== 'free' && !payAtSimulator) return undefined;
  const begun = await subscriptions.begin(buyer, { planId, appId, requestId: present?.requestId ?? `demo-${listing.productId}-${plan}` });
  if (begun.checkoutUrl !== null) await typeCard(begun.checkoutUrl);
  const endAt = performance.now() + ACTIVE_MS;
  for (;;) {
    // The webhook activates it; asking, as the return page does, finds it even where no worker runs.
    const { status } = await subscriptions.refresh(buyer, begun.subscriptionId);
    if (status === 'active' || status === 'trialing') return begun.subscriptionId;
    if (performance.now() > endAt) throw new Error(`the subscription to ${plan} stays ${status}`);
    await sleep(250);
  }
}

async function typeCard(checkoutUrl: string): Promise<void> {
  const answer = await fetch(checkoutUrl, { method: 'POST', body: new URLSearchParams(GOOD_CARD), redirect: 'manual' });
  if (answer.status !== 303 && answer.status !== 302) throw new Error(`the checkout page answered ${answer.status}`);
}
