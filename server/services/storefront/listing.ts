import type { ApiDefinition } from '../../domain/api.ts';
import { planOf, type Plan, type PlanDocument } from '../../domain/plan.ts';
import { isFreeOfCharge } from '../../domain/subscription.ts';
import type { OrganizationDoc } from '../../store/accounts.ts';
import type { PublicationDoc } from '../../store/apis.ts';
import type { EnvironmentDoc, GroupDoc } from '../../store/gateways.ts';
import type { PlanDoc, PlanVersionDoc, ProductDoc } from '../../store/products.ts';

/** How a product can be paid for, coarsely: the facets of the catalogue. */
export type PriceModel = 'free' | 'subscription' | 'usage';

export interface ListingPlan {
  readonly id: string;
  readonly versionId: string;
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly document: PlanDocument;
  readonly plan: Plan;
  /** Nothing this plan does ever costs money. */
  readonly free: boolean;
}

export interface ListingOperation {
  readonly apiId: string;
  /** Stable within the listing and fit for an address: `get-countries-code`. */
  readonly anchor: string;
  /** The first tag, or `Other`. */
  readonly group: string;
  readonly definition: ApiDefinition;
}

/** A product as the storefront shows it: only what any visitor may know. */
export interface Listing {
  readonly productId: string;
  readonly slug: string;
  readonly name: string;
  readonly tagline: string;
  /** Markdown of the provider. */
  readonly description: string;
  /** Markdown of the provider. */
  readonly terms: string;
  readonly category: string;
  readonly tags: readonly string[];
  readonly logoHash: string | null;
  readonly dataSource: string;
  readonly dataLicence: string;
  readonly status: 'listed' | 'deprecated';
  readonly listedAt: number;
  readonly updatedAt: number;
  readonly provider: {
    readonly organizationId: string;
    readonly name: string;
    readonly slug: string | null;
    readonly website: string;
    readonly supportEmail: string;
  };
  readonly gatewayId: string;
  readonly groupId: string;
  readonly label: string;
  /** The public listener does not serve it: it is reached over accepted connections alone. */
  readonly privateOnly: boolean;
  /** `GATEWAY_URL/<label>`; of a private one {@link PRIVATE_URL} instead: each caller has an address of its own. */
  readonly baseUrl: string;
  /** Sent as `X-Stage`; null for the environment that is served without it. */
  readonly stage: string | null;
  readonly plans: readonly ListingPlan[];
  readonly operations: readonly ListingOperation[];
  readonly priceModels: readonly PriceModel[];
}

export interface ListingParts {
  readonly product: ProductDoc;
  readonly organization: OrganizationDoc;
  readonly group: GroupDoc;
  readonly environment: EnvironmentDoc;
  /** Of the gateway. */
  readonly privateOnly: boolean;
  readonly plans: readonly PlanDoc[];
  readonly versions: ReadonlyMap<string, PlanVersionDoc>;
  /** What is live of the product's group. */
  readonly publications: readonly PublicationDoc[];
  readonly gatewayUrl: string;
}

/** The environment every caller gets without asking. */
const DEFAULT_ENVIRONMENT = 'RELEASE';

/** Stands where each caller puts the address of its connection. */
export const PRIVATE_URL = 'http://address-of-your-connection';

export function toListing({ product, organization, group, environment, privateOnly, plans, versions, publications, gatewayUrl }: ListingParts): Listing {
  const offered = plans
    .filter(({ retired }) => !retired)
    .sort((a, b) => a.ordinal - b.ordinal || (a.name < b.name ? -1 : 1))
    .flatMap((plan) => {
      const version = plan.currentVersionId === null ? undefined : versions.get(plan.currentVersionId);
      return version ? [listingPlan(plan, version)] : [];
    });
  const sold = new Set(product.apiIds);
  const live = publications.filter(({ apiId, environmentId }) => sold.has(apiId) && environmentId === product.environmentId);
  const { seller } = organization;
  return {
    productId: product._id,
    slug: product.slug,
    name: product.name,
    tagline: product.tagline,
    description: product.description,
    terms: product.terms,
    category: product.category,
    tags: product.tags,
    logoHash: product.logo?.hash ?? null,
    dataSource: product.dataSource,
    dataLicence: product.dataLicence,
    status: product.status === 'deprecated' ? 'deprecated' : 'listed',
    listedAt: product.listedAt ?? product.createdAt,
    updatedAt: product.updatedAt,
    provider: {
      organizationId: organization._id,
      name: seller?.displayName ?? organization.name,
      slug: organization.sellerSlug,
      website: seller?.website ?? '',
      supportEmail: seller?.supportEmail ?? '',
    },
    gatewayId: product.gatewayId,
    groupId: group._id,
    label: group.label,
    privateOnly,
    baseUrl: `${privateOnly ? PRIVATE_URL : gatewayUrl}/${group.label}`,
    stage: environment.name === DEFAULT_ENVIRONMENT ? null : environment.name,
    plans: offered,
    operations: operationsOf(live),
    priceModels: [...new Set(offered.map(priceModelOf))].sort(),
  };
}

function listingPlan(plan: PlanDoc, version: PlanVersionDoc): ListingPlan {
  const terms = planOf(version.document);
  return {
    id: plan._id,
    versionId: version._id,
    name: plan.name,
    title: plan.title,
    summary: plan.summary,
    document: version.document,
    plan: terms,
    free: isFreeOfCharge(terms),
  };
}

const priceModelOf = ({ free, plan }: ListingPlan): PriceModel => (free ? 'free' : plan.baseMinor > 0n ? 'subscription' : 'usage');

/** By group, then path, then method; two operations of one anchor are told apart by a number. */
function operationsOf(live: readonly PublicationDoc[]): ListingOperation[] {
  const seen = new Map<string, number>();
  return live
    .map(({ apiId, definition }) => ({ apiId, definition, group: definition.tags[0] ?? 'Operations' }))
    .sort(
      (a, b) =>
        compare(a.group, b.group) ||
        compare(a.definition.frontend.path, b.definition.frontend.path) ||
        compare(a.definition.frontend.method, b.definition.frontend.method),
    )
    .map((operation) => {
      const base = anchorOf(operation.definition.frontend);
      const count = (seen.get(base) ?? 0) + 1;
      seen.set(base, count);
      return { ...operation, anchor: count === 1 ? base : `${base}-${count}` };
    });
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** `GET /countries/{code}` → `get-countries-code` */
const anchorOf = ({ method, path }: ApiDefinition['frontend']): string =>
  `${method}${path}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
