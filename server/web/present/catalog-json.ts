import type { Listing } from '../../services/storefront/listing.ts';
import { isoUtc } from './time.ts';

/** A listing for programs: snake_case, times ISO 8601 UTC, plans in the shape in which they are stored and hashed. */
export const catalogEntry = (listing: Listing, webUrl: string) => ({
  slug: listing.slug,
  product_id: listing.productId,
  name: listing.name,
  tagline: listing.tagline,
  category: listing.category,
  tags: listing.tags,
  provider: { name: listing.provider.name, slug: listing.provider.slug },
  status: listing.status,
  listed_at: isoUtc(listing.listedAt),
  url: `${webUrl}/apis/${listing.slug}`,
  base_url: listing.baseUrl,
  private_only: listing.privateOnly,
  stage: listing.stage,
  data_source: listing.dataSource,
  data_licence: listing.dataLicence,
  plans: listing.plans.map(({ id, versionId, name, title, document }) => ({ id, version: versionId, name, title, document })),
  operations: listing.operations.map(({ definition }) => ({ method: definition.frontend.method, path: definition.frontend.path, summary: definition.summary })),
});
