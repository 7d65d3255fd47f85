import type { Clock } from '../kernel/clock.ts';
import { isoUtc } from '../kernel/clock.ts';
import type { Store } from '../store/index.ts';
import { makeKeyViews, type KeyAgeRule } from './access-key-views.ts';
import type { Notifications } from './notifications.ts';

export type KeyWarnings = ReturnType<typeof makeKeyWarnings>;

/** Mail before a key ends, to whoever can do something about it. */
export function makeKeyWarnings({
  store,
  clock,
  notifications,
  keyAgeDaysMax,
}: {
  store: Pick<Store, 'accessKeys' | 'accounts' | 'serviceAccounts' | 'settings'>;
  clock: Clock;
  notifications: Pick<Notifications, 'message'>;
  keyAgeDaysMax: KeyAgeRule;
}) {
  const { accessKeys: keys, accounts } = store;
  const { viewsOf } = makeKeyViews({ store, clock, keyAgeDaysMax });

  return {
    /**
     * To its holder; of a service account's to whoever made it, or, if that is no member any more, to the owner. Sent before it is noted, as a second
     * mail is better than none. @returns how many were sent
     */
    async warnOfEnds(): Promise<number> {
      const live = await keys.live();
      const docs = new Map(live.map((doc) => [doc._id, doc]));
      let sent = 0;
      for (const { id, endsAt, replaced, state } of await viewsOf(live)) {
        const key = docs.get(id);
        if (!key || state !== 'expiring' || replaced || endsAt === null || key.warnedOf === endsAt) continue;
        const organization = await accounts.organization(key.organizationId);
        const person = key.holderKind === 'user' ? key.holderId : key.createdBy;
        const member = await accounts.membership(key.organizationId, person);
        const user = await accounts.user(member ? person : (organization?.ownerId ?? ''));
        if (user && organization) {
          await notifications.message(
            user.email,
            'An access key ends soon',
            [
              `The access key ${key.hint}${key.name === '' ? '' : ` (${key.name})`} for ${organization.name} works until ${isoUtc(endsAt)}.`,
              'Rotate it: you get a new one, and the present one works on for as long as you choose, at most until then.',
            ],
            key.holderKind === 'user' ? '/account/keys' : `/organization/service-accounts/${key.holderId}`,
          );
          sent += 1;
        }
        await keys.markWarned(id, endsAt);
      }
      return sent;
    },
  };
}
