import { readiness, type ProductFields, type ReadinessItem } from '../../domain/product-rules.ts';
import type { ProductDoc } from '../../store/products.ts';
import type { CatalogDependencies, ListingDependencies } from './own.ts';

/** The texts of a listing alone. */
export const fieldsOf = ({ name, slug, tagline, description, category, tags, terms, dataSource, dataLicence }: ProductDoc): ProductFields => ({
  name,
  slug,
  tagline,
  description,
  category,
  tags,
  terms,
  dataSource,
  dataLicence,
});

/** An API that can be part of a product, and whether it can be sold now. */
export interface Sellable {
  readonly id: string;
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly live: boolean;
  /** What is live asks for an app: its calls can be billed. */
  readonly sold: boolean;
  /** Why it cannot be chosen; empty when it can. */
  readonly reason: string;
}

/** The APIs of a group for whoever chooses some of them, from memory. */
export const sellableOf = (
  { store, directory }: Pick<ListingDependencies, 'directory' | 'store'>,
  gatewayId: string,
  groupId: string,
): Promise<readonly Sellable[]> =>
  directory.read(gatewayId, `sellable ${groupId}`, async () => {
    const [all, live] = await Promise.all([store.apis.apisOfGroup(gatewayId, groupId), store.apis.livePublicationsOfGroup(groupId)]);
    const served = new Map(live.map(({ apiId, definition }) => [apiId, definition]));
    return all.map(({ _id, definition: { frontend, name, security } }) => ({
      id: _id,
      name,
      method: frontend.method,
      path: frontend.path,
      live: served.has(_id),
      sold: served.get(_id)?.security.startsWith('APP') ?? false,
      reason: security.startsWith('APP') ? '' : 'Its security does not know who calls: choose APP to sell it.',
    }));
  });

/** The list of {@link readiness} from the store, where something is decided by it. */
export async function readinessOf(store: CatalogDependencies['store'], product: ProductDoc): Promise<ReadinessItem[]> {
  const drafts = await store.apis.apis(product.apiIds);
  const ids = drafts.flatMap(({ serving }) => serving?.[product.environmentId] ?? []);
  const live = await store.apis.publicationsById(ids);
  return itemsOf(store, product, live.filter(({ definition }) => definition.security.startsWith('APP')).length);
}

/** The same as a page tells it: what it says of the APIs is kept in memory. */
export async function readinessShown(dependencies: Pick<ListingDependencies, 'directory' | 'store'>, product: ProductDoc): Promise<ReadinessItem[]> {
  const chosen = new Set(product.apiIds);
  const apis = await sellableOf(dependencies, product.gatewayId, product.groupId);
  return itemsOf(dependencies.store, product, apis.filter(({ id, sold }) => sold && chosen.has(id)).length);
}

async function itemsOf(store: CatalogDependencies['store'], product: ProductDoc, liveApis: number): Promise<ReadinessItem[]> {
  const [organization, plans] = await Promise.all([store.accounts.organization(product.organizationId), store.products.plansOf(product._id)]);
  return readiness({
    seller: (organization?.seller ?? null) !== null,
    fields: fieldsOf(product),
    apis: product.apiIds.length,
    liveApis,
    openPlans: plans.filter(({ retired, currentVersionId }) => !retired && currentVersionId !== null).length,
  });
}
