import { readiness, type ProductFields, type ReadinessItem } from '../../domain/product-rules.ts';
import type { ProductDoc } from '../../store/products.ts';
import type { CatalogDependencies } from './own.ts';

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

/** The list of {@link readiness} from the store. */
export async function readinessOf(store: CatalogDependencies['store'], product: ProductDoc): Promise<ReadinessItem[]> {
  const [organization, drafts, plans] = await Promise.all([
    store.accounts.organization(product.organizationId),
    store.apis.apis(product.apiIds),
    store.products.plansOf(product._id),
  ]);
  const records = new Map((await store.apis.livePublicationsOfGroup(product.groupId)).map((record) => [`${record.apiId} ${record.environmentId}`, record]));
  const liveApis = drafts.filter(({ _id }) => records.get(`${_id} ${product.environmentId}`)?.definition.security.startsWith('APP')).length;
  return readiness({
    seller: (organization?.seller ?? null) !== null,
    fields: fieldsOf(product),
    apis: product.apiIds.length,
    liveApis,
    openPlans: plans.filter(({ retired, currentVersionId }) => !retired && currentVersionId !== null).length,
  });
}
