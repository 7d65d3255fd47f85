import { PLATFORM_ORGANIZATION, type Actor } from '../../domain/actor.ts';
import { PRODUCT_LIMITS } from '../../domain/product-rules.ts';
import type { ReadinessItem } from '../../domain/product-rules.ts';
import { AppError } from '../../kernel/errors.ts';
import type { OrganizationDoc } from '../../store/accounts.ts';
import type { PublicationDoc } from '../../store/apis.ts';
import type { GroupDoc } from '../../store/gateways.ts';
import type { PlanDoc, PlanVersionDoc, ProductDoc } from '../../store/products.ts';
import { inOrderOf, makeKeptLists, oldestFirst, pageOfList, type ListPage } from '../kept-lists.ts';
import type { SendLetter } from '../letters.ts';
import { faulty, type CatalogDependencies, type ListingDependencies } from './own.ts';
import { readinessOf, readinessShown, sellableOf, type Sellable } from './product-readiness.ts';

const PAGE_SIZE = 25;
const APIS_PAGE_SIZE = 50;

const byPath = (a: Sellable, b: Sellable): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.method < b.method ? -1 : 1);

/** All an operator needs to decide. */
export interface Dossier {
  readonly product: ProductDoc;
  readonly seller: OrganizationDoc | null;
  readonly group: GroupDoc | null;
  /** A page of what would be sold, as it is live now, by path. */
  readonly apis: ListPage<PublicationDoc>;
  readonly plans: readonly { readonly plan: PlanDoc; readonly version: PlanVersionDoc }[];
  readonly readiness: readonly ReadinessItem[];
}

export interface Reviews {
  /** A page of the waiting products, the longest waiting first; from 1. */
  waiting(actor: Actor, number: number): Promise<ListPage<{ product: ProductDoc; sellerName: string }>>;
  /** @param number  of the page of its APIs, from 1 */
  dossier(actor: Actor, productId: string, number?: number): Promise<Dossier>;
  /** @throws conflict when it is no longer submitted, or no longer complete */
  approve(actor: Actor, productId: string, rev: number): Promise<void>;
  reject(actor: Actor, productId: string, rev: number, reason: string): Promise<void>;
}

export interface ReviewsDependencies extends CatalogDependencies {
  readonly sendLetter: SendLetter;
}

export function makeReviews({ store, clock, audit, changes, sendLetter, directory }: ReviewsDependencies & Pick<ListingDependencies, 'directory'>): Reviews {
  const { products } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function submitted(productId: string): Promise<ProductDoc> {
    const product = await products.product(productId);
    // Drafts are the provider's own business, also for operators.
    if (!product || product.status === 'draft') throw new AppError('not-found');
    return product;
  }

  async function offeredBy({ apiIds, environmentId, gatewayId, groupId }: ProductDoc, number: number): Promise<ListPage<PublicationDoc>> {
    const chosen = new Set(apiIds);
    const live = (await sellableOf({ store, directory }, gatewayId, groupId)).filter((api) => api.live && chosen.has(api.id));
    const found = pageOfList([...live].sort(byPath), number, APIS_PAGE_SIZE);
    const ids = found.rows.map(({ id }) => id);
    const serving = inOrderOf(ids, await store.apis.apis(ids)).flatMap((api) => api.serving?.[environmentId] ?? []);
    return { ...found, rows: inOrderOf(serving, await store.apis.publicationsById(serving)) };
  }

  async function decide(
    actor: Actor,
    productId: string,
    rev: number,
    to: 'listed' | 'rejected',
    change: Partial<Pick<ProductDoc, 'listedAt' | 'statusReason'>>,
  ) {
    const product = await submitted(productId);
    if (!(await products.moveProduct(productId, rev, 'submitted', to, { ...change, updatedAt: clock.now() }))) {
      const present = await submitted(productId);
      // Ours all the same, when only the answer of the write was lost.
      if (present.status !== to || present.rev !== rev + 1 || present.statusReason !== (change.statusReason ?? '')) throw new AppError('conflict');
    }
    const entry = {
      action: 'platform:reviews:decide',
      resource: `product:${productId}`,
      before: { status: product.status },
      after: { status: to, reason: change.statusReason ?? '' },
    };
    await audit.append(actor, entry);
    await changes.announce('catalogue-changed', { what: 'product', id: productId });
    await sendLetter({
      organizationId: product.organizationId,
      to: 'market:products:submit',
      subject: to === 'listed' ? `${product.name} is listed` : `${product.name} needs a change`,
      lines:
        to === 'listed'
          ? ['The review is done: buyers find it in the storefront from now on.']
          : ['It was looked at and is not listed yet. What has to change:', change.statusReason ?? '', 'Change it and submit it again.'],
      path: `/products/${productId}`,
    });
  }

  return {
    async waiting(_actor, number) {
      const all = await lists.read('reviews', PLATFORM_ORGANIZATION, async () => (await products.submittedTimes()).sort(oldestFirst));
      const found = pageOfList(all, number, PAGE_SIZE);
      const ids = found.rows.map(({ id }) => id);
      const list = inOrderOf(ids, await products.products(ids));
      const sellers = new Map(
        (await store.accounts.organizations([...new Set(list.map(({ organizationId }) => organizationId))])).map((one) => [one._id, one]),
      );
      const rows = list.map((product) => {
        const seller = sellers.get(product.organizationId);
        return { product, sellerName: seller?.seller?.displayName ?? seller?.name ?? '' };
      });
      return { ...found, rows };
    },

    async dossier(_actor, productId, number = 1) {
      const product = await submitted(productId);
      const [seller, group, plans, apis, items] = await Promise.all([
        store.accounts.organization(product.organizationId),
        store.gateways.group(product.groupId),
        products.plansOf(productId),
        offeredBy(product, number),
        readinessShown({ store, directory }, product),
      ]);
      const open = plans.filter(({ retired, currentVersionId }) => !retired && currentVersionId !== null).sort((a, b) => a.ordinal - b.ordinal);
      const versions = new Map(
        (await products.planVersions(open.map(({ currentVersionId }) => currentVersionId ?? ''))).map((version) => [version._id, version]),
      );
      return {
        product,
        seller,
        group,
        readiness: items,
        apis,
        plans: open.flatMap((plan) => {
          const version = versions.get(plan.currentVersionId ?? '');
          return version ? [{ plan, version }] : [];
        }),
      };
    },

    async approve(actor, productId, rev) {
      const missing = (await readinessOf(store, await submitted(productId))).filter(({ done }) => !done);
      if (missing.length > 0) throw new AppError('conflict', `It is no longer complete: ${missing.map((item) => item.missing).join(' ')}`);
      await decide(actor, productId, rev, 'listed', { listedAt: clock.now(), statusReason: '' });
    },

    async reject(actor, productId, rev, reason) {
      const text = reason.trim();
      if (text === '') throw faulty({ reason: 'Say what has to change: the provider reads it.' });
      if (text.length > PRODUCT_LIMITS.reasonMax) throw faulty({ reason: `At most ${PRODUCT_LIMITS.reasonMax} characters fit.` });
      await decide(actor, productId, rev, 'rejected', { statusReason: text });
    },
  };
}
