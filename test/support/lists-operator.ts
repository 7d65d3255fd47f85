import { PLATFORM_ORGANIZATION } from '../../server/domain/actor.ts';
import { passwordMark } from '../../server/services/accounts.ts';
import { invoiceRow, productRow, subscriptionRow, type ListPage, type ListsGround } from './lists-ground.ts';

const DAY_MS = 86_400_000;

/** What operators see of everybody's, `size` of each: all in hands of their own, so that each row needs names that no other row has. */
export async function fillOperatorLists(ground: ListsGround) {
  const { portal, size, at, insert } = ground;
  const { ids, clock } = portal.composition;
  const now = clock.now();
  const many = <T>(make: (n: number) => T): T[] => ground.many(size, make);
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
    return { ...productRow(ground, _id, 'submitted', `waits-${n}`), organizationId: owner(n), submittedAt: at(n) };
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
    many((n) => ({ ...invoiceRow(ground, n, owner(n), 'org_held'), productId: productId(n), ...stopped })),
  );
  const lost = many((n) => ({
    ...invoiceRow(ground, n, owner(n), 'org_lost'),
    productId: productId(n),
    status: 'uncollectible',
    step: 'waiting',
    writtenOffAt: at(n),
  }));
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
    ...subscriptionRow(ground, ids.next('sub'), productId(n), n),
    organizationId: owner(n),
    status: 'canceled',
    live: false,
    endedAt: at(n),
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
  const event = (n: number, name: string) => ({
    _id: `stripe.evt_${name}_${n}`,
    source: 'stripe',
    type: 'invoice.paid',
    objectId: `in_${name}_${n}`,
    occurredAt: at(n),
    receivedAt: at(n),
    raw: '{}',
    status: 'done',
    open: false,
    attempts: 0,
    result: 'done',
    handledAt: at(n),
  });
  const givenUp = { status: 'dead', attempts: 8, result: 'given up', handledAt: now };
  await insert('Inbox', [...many((n) => event(n, 'done')), ...many((n) => ({ ...event(n, 'dead'), ...givenUp }))]);

  const pages: readonly ListPage[] = [
    { name: 'webhooks', path: '/admin/webhooks', who: 'operator', shows: 50, pagers: 1 },
    { name: 'webhooks given up', path: '/admin/webhooks?state=dead', who: 'operator', shows: 50, pagers: 1 },
    // Each with its seller.
    { name: 'reviews', path: '/admin/reviews', who: 'operator', shows: 50, pagers: 1 },
    // Of the held ones invoice, product and buyer; of those written off the posting too.
    { name: 'held and written-off invoices', path: '/admin/invoices', who: 'operator', shows: 175, pagers: 2 },
    // Two lists, each row with subscription, product and buyer.
    { name: 'periods', path: '/admin/periods', who: 'operator', shows: 200, pagers: 2 },
    // Two lists, each row with its organization.
    { name: 'domains', path: '/admin/domains', who: 'operator', shows: 100, pagers: 2 },
    { name: 'accounts', path: '/admin/accounts', who: 'operator', shows: 25, pagers: 1 },
    { name: 'an organization', path: `/admin/organizations/${ground.owner.organizationId}`, who: 'operator', shows: 0, pagers: 0 },
    { name: 'sandbox', path: '/sandbox', who: 'operator', shows: 50, pagers: 1 },
  ];
  return { pages };
}
