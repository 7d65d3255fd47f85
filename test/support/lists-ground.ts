import { randomBytes } from 'node:crypto';
import type { Actor } from '../../server/domain/actor.ts';
import type { Member, Portal } from './portal.ts';

const DAY_MS = 86_400_000;

/** A page that lists things, who looks at it, and how many there are. */
export interface ListPage {
  readonly name: string;
  readonly path: string;
  /** `program`: the management API, with a key of the owner. */
  readonly who: 'owner' | 'operator' | 'program';
  /** Records that one page shows: a page reads these, and a few documents around them. */
  readonly shows: number;
  /** Of its lists, how many have more than one page: each has a pager of its own. */
  readonly pagers: number;
}

/** What a file that fills lists works with. Rows are put there in batches, going past what tells the lists kept in memory: before anybody has looked at them. */
export interface ListsGround {
  readonly portal: Portal;
  /** Whose lists are long. */
  readonly owner: Member;
  readonly actor: Actor;
  readonly size: number;
  many<T>(count: number, make: (n: number) => T): T[];
  /** Spread over the last weeks, none within the last minutes. */
  at(n: number): number;
  letters(): string;
  insert(model: string, rows: readonly object[]): Promise<unknown>;
}

export function listsGround(portal: Portal, owner: Member, size: number): ListsGround {
  const { store, clock } = portal.composition;
  const now = clock.now();
  return {
    portal,
    owner,
    size,
    actor: {
      kind: 'user',
      userId: owner.userId,
      organizationId: owner.organizationId,
      policies: ['Administrator'],
      address: '192.0.2.7',
      requestId: 'req_lists',
    },
    many: (count, make) => Array.from({ length: count }, (_, n) => make(n)),
    at: (n) => now - DAY_MS - Math.floor((n * 20 * DAY_MS) / size),
    letters: () => randomBytes(6).toString('hex'),
    insert: (model, rows) => store.connection.model(model).collection.insertMany(rows as never, { ordered: false }),
  };
}

/** A paid invoice, the nth of its buyer. */
export const invoiceRow = ({ portal, at }: ListsGround, n: number, buyer: string, seller: string) => ({
  _id: portal.composition.ids.next('inv'),
  subscriptionId: portal.composition.ids.next('sub'),
  organizationId: buyer,
  providerId: seller,
  productId: 'prd_none',
  kind: 'period',
  periodIndex: n,
  ordinal: 0,
  status: 'paid',
  void: false,
  currency: 'usd',
  lines: [],
  subtotalMinor: 100n,
  carriedInMinor: 0n,
  totalMinor: 100n,
  chargeMinor: 100n,
  carriedMinor: 0n,
  carryOpen: false,
  carriedFrom: [],
  hash: '',
  number: n + 1,
  numbered: true,
  step: 'done',
  stepAt: at(n),
  unsettled: false,
  stripeInvoiceId: null,
  remakes: 0,
  stripeUrl: null,
  issuedAt: at(n),
  usageFrom: null,
  usageTo: null,
  waitingFor: null,
  lastFailure: '',
  paidAt: at(n),
});

export const productRow = ({ at, owner }: ListsGround, _id: string, status: string, slug: string) => ({
  _id,
  slug,
  organizationId: owner.organizationId,
  gatewayId: 'gw_none',
  environmentId: 'env_none',
  groupId: 'grp_none',
  apiIds: [],
  name: `Product ${slug}`,
  tagline: '',
  description: '',
  category: 'other',
  tags: [],
  logo: null,
  terms: '',
  dataSource: '',
  dataLicence: '',
  status,
  statusReason: '',
  submittedAt: at(0),
  listedAt: null,
  slot: null,
  createdAt: at(0),
  updatedAt: at(0),
  rev: 1,
});

/** A running one of the owner, for what no plan prices. */
export const subscriptionRow = ({ at, owner }: ListsGround, _id: string, productId: string, n: number) => ({
  _id,
  organizationId: owner.organizationId,
  productId,
  providerId: 'org_seller',
  gatewayId: 'gw_none',
  planId: 'plan_none',
  planVersionId: 'plan_none_v1',
  pendingPlanVersionId: null,
  appId: 'app_none',
  requestId: _id,
  currency: 'usd',
  interval: 'month',
  status: 'active',
  live: true,
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
  createdBy: owner.userId,
  endedAt: null,
  unsettled: false,
  rev: 1,
});
