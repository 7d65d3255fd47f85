import { timeWords } from '../domain/time.ts';
import type { Store } from '../store/index.ts';
import type { SubscriptionDoc } from '../store/subscriptions.ts';
import type { SendLetter } from './letters.ts';

/** What a buyer is told of a renewal that cannot be collected, and of its end (rule N22). Sent once, by whoever moved the subscription. */
export function makeSubscriptionLetters({ store, sendLetter }: { readonly store: Pick<Store, 'products'>; readonly sendLetter: SendLetter }) {
  async function send({ _id, organizationId, productId }: SubscriptionDoc, subjectOf: (name: string) => string, lines: readonly string[]): Promise<void> {
    const name = (await store.products.product(productId))?.name ?? 'a subscription';
    await sendLetter({ organizationId, to: 'market:invoices:get', subject: subjectOf(name), lines, path: `/subscriptions/${_id}` });
  }

  return {
    paymentFailed: (subscription: SubscriptionDoc) =>
      send(subscription, (name) => `The payment for ${name} failed`, [
        subscription.statusReason,
        subscription.status === 'suspended' || subscription.entitledUntil === null
          ? 'Calls are refused until it is paid.'
          : `Calls go on until ${timeWords(subscription.entitledUntil)}. We try the card again before it is given up; with another card you can pay at once.`,
      ]),
    suspended: (subscription: SubscriptionDoc) =>
      send(subscription, (name) => `Calls to ${name} are refused`, ['An invoice is still unpaid. Everything goes on as soon as it is paid.']),
    endedUnpaid: (subscription: SubscriptionDoc) =>
      send(subscription, (name) => `The subscription to ${name} has ended`, [
        'Its invoice could not be collected after several tries. You can still pay it on its page. You may subscribe again at any time.',
      ]),
    restored: (subscription: SubscriptionDoc) => send(subscription, (name) => `The payment for ${name} went through`, ['Calls are served.']),
  };
}
