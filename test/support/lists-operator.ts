import { PLATFORM_ORGANIZATION } from '../../server/domain/actor.ts';
import { passwordMark } from '../../server/services/accounts.ts';
import type { Portal } from './portal.ts';

const DAY_MS = 86_400_000;

/** Put there in batches, going past what tells the lists kept in memory: before anybody has looked at them. */
export interface Filler {
  readonly portal: Portal;
  readonly size: number;
  /** Spread over the last weeks, none within the last minutes. */
  readonly at: (n: number) => number;
  insert(model: string, rows: readonly object[]): Promise<unknown>;
  readonly invoice: (n: number, buyer: string, seller: string) => object;
  readonly product: (id: string, status: string, slug: string) => object;
}

/** What operators see of everybody's, `size` of each: all in hands of their own, so that each row needs names that no other row has. */
export async function fillOperatorLists({ portal, size, at, insert, invoice, product }: Filler) {
  const { ids, clock } = portal.composition;
  const now = clock.now();
  const many = <T>(make: (n: number) => T): T[] => Array.from({ length: size }, (_, n) => make(n));
  const organizations = many((n) => ({
    _id: ids.next('org'),
    name: `Company ${n}`,
    kind: 'customer',
    ownerId: 'usr_none',
    seller: null,
    stripeCustomerId: null,
    paymentMethod: null,
    createdAt: at(n),
    rev: 1,
  }));
  const owner = (n: number): string => organizations[n]?._id ?? '';
  await insert('Organization', organizations);
  const products = many((n) => {
    const _id = ids.next('prd');
    return { ...product(_id, 'submitted', `waits-${n}`), _id, organizationId: owner(n), submittedAt: at(n) };
  });
  await insert('Product', products);
  const productId = (n: number): string => products[n]?._id ?? '';

  const domain = (n: number, confirmed: boolean) => {
    const name = `${confirmed ? 'confirmed' : 'waits'}${n}.example.test`;
    const seen = confirmed ? { confirmedAt: at(n), confirmedBy: 'usr_none', evidence: 'A TXT record' } : { confirmedAt: null, confirmedBy: '', evidence: '' };
    return { _id: `${owner(n)}.${name}`, organizationId: owner(n), domain: name, confirmed, claimedAt: at(n), ...seen };
  };
  await insert('SignOnDomain', [...many((n) => domain(n, false)), ...many((n) => domain(n, true))]);

  const stopped = { number: null, numbered: false, step: 'review', status: 'needs_review', paidAt: null, lastFailure: 'At Stripe: 4 lines instead of 2' };
  await insert(
    'Invoice',
    many((n) => ({ ...invoice(n, owner(n), 'org_held'), productId: productId(n), ...stopped })),
  );
  const lost = many((n) => ({ ...(invoice(n, owner(n), 'org_lost') as { _id: string }), status: 'uncollectible', step: 'waiting', writtenOffAt: at(n) }));
  await insert('Invoice', lost);
  await insert(
    'LedgerTxn',
    lost.map(({ _id }, n) => ({
      _id: `writeoff.${_id}`,
      currency: 'usd',
      entries: [
        { account: `receivable:${owner(n)}`, amountMinor: -100n },
        { account: 'provider_payable:org_lost', amountMinor: 100n },
      ],
      at: at(n),
      bookedAt: at(n),
    })),
  );

  const subscriptions = many((n) => ({
    _id: ids.next('sub'),
    organizationId: owner(n),
    productId: productId(n),
    providerId: 'org_seller',
    gatewayId: 'gw_none',
    planId: 'plan_none',
    planVersionId: 'plan_none_v1',
    pendingPlanVersionId: null,
    appId: 'app_none',
    requestId: `many-${n}`,
    currency: 'usd',
    interval: 'month',
    status: 'canceled',
    live: false,
    anchorAt: at(n),
    periodIndex: 0,
    entitledUntil: null,
    cancelAtPeriodEnd: false,
    statusReason: '',
    stripeCustomerId: null,
    paymentMethodId: null,
    checkoutId: null,
    checkoutUrl: null,
    checkoutExpiresAt: null,
    createdAt: at(n),
    createdBy: 'usr_none',
    endedAt: at(n),
    unsettled: false,
    rev: 1,
  }));
  await insert('Subscription', subscriptions);
  const period = (n: number, index: number, state: object) => ({
    _id: `${subscriptions[n]?._id}_${index}`,
    subscriptionId: subscriptions[n]?._id,
    index,
    startAt: at(n) - DAY_MS,
    endAt: at(n),
    windows: [],
    latenessSeconds: 900,
    lease: null,
    frozen: null,
    frozenAt: null,
    ...state,
  });
  await insert('Period', [
    ...many((n) => period(n, 0, { status: 'invoiced', frozen: {}, frozenAt: at(size - 1 - n) })),
    ...many((n) => period(n, 1, { status: 'open' })),
  ]);

  const asking = many((n) => ({ _id: ids.next('usr'), email: `locked-out${n}@example.test`, name: `Locked out ${n}`, passwordHash: `none ${n}` }));
  await insert(
    'User',
    asking.map((user, n) => ({
      ...user,
      verifiedAt: at(n),
      createdAt: at(n),
      secondFactor: { cipher: 'none', confirmedAt: at(n), lastStep: 0, recovery: [] },
      recovery: { to: PLATFORM_ORGANIZATION, askedAt: clock.real() - n, words: 'By telephone', mark: passwordMark(user) },
    })),
  );
  await insert(
    'Mail',
    many((n) => ({
      ...{ _id: `mail_${n}`, to: `member${n}@example.test`, subject: `Letter ${n}`, text: 'A text', html: '<p>A text</p>', at: at(n) },
      expiresAt: new Date(clock.real() + 30 * DAY_MS),
    })),
  );
  await insert(
    'Inbox',
    many((n) => ({
      _id: `stripe.evt_dead_${n}`,
      source: 'stripe',
      type: 'invoice.paid',
      objectId: `in_dead_${n}`,
      occurredAt: at(n),
      receivedAt: at(n),
      raw: '{}',
      status: 'dead',
      open: false,
      attempts: 8,
      result: 'given up',
      handledAt: now,
    })),
  );
}
