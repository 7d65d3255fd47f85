import type { ApiDefinition, RequestParameter } from '../../server/domain/api.ts';
import { parsePlanDocument, type PlanDocument } from '../../server/domain/plan.ts';
import { toListing, type Listing } from '../../server/services/storefront/listing.ts';

/** A plan document with the defaults filled in. @throws Error on a fault: tests write plans that are right */
export function planDocument(plan: Partial<PlanDocument> & Pick<PlanDocument, 'meters'>): PlanDocument {
  const reading = parsePlanDocument({ currency: 'usd', interval: 'month', ...plan });
  if (reading.fault) throw new Error(`${reading.fault.path} ${reading.fault.message}`);
  return reading.document;
}

/** The three plans of the demonstration world. */
export const DEMO_PLANS: Readonly<Record<string, PlanDocument>> = {
  free: planDocument({
    meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0' }, quota: { limit: 500, hard: true } }],
    rate_limit: { calls: 10, seconds: 1 },
  }),
  starter: planDocument({
    base_amount: 1000,
    meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.5', included: 1000 } }],
    rate_limit: { calls: 10, seconds: 1 },
  }),
  payg: planDocument({ meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.2' } }] }),
};

export const parameter = (name: string, more: Partial<RequestParameter> = {}): RequestParameter => ({
  name,
  in: 'query',
  required: false,
  type: 'string',
  description: '',
  ...more,
});

export function definition(method: ApiDefinition['frontend']['method'], path: string, more: Partial<ApiDefinition> = {}): ApiDefinition {
  return {
    name: `${method} ${path}`,
    summary: `What ${path} gives`,
    description: '',
    tags: ['Countries'],
    frontend: { method, path, match: 'exact' },
    security: 'APP',
    appCode: true,
    parameters: [],
    backend: { kind: 'mock', status: 200, headers: [], body: '' },
    backendParameters: [],
    cors: false,
    streaming: false,
    upgrade: false,
    operation: `${method} ${path}`,
    ...more,
  };
}

const COUNTRIES: readonly ApiDefinition[] = [
  definition('GET', '/countries', {
    summary: 'List countries',
    description: 'Sorted by **name**.',
    parameters: [
      parameter('region', { enum: ['africa', 'americas', 'asia', 'europe', 'oceania'], description: 'Only countries of this region.' }),
      parameter('limit', { type: 'integer', minimum: 1, maximum: 100, default: '20', description: 'How many.' }),
    ],
  }),
  definition('GET', '/countries/{code}', {
    summary: 'One country',
    parameters: [parameter('code', { in: 'path', required: true, minLength: 2, maxLength: 3, example: 'CH', description: 'ISO 3166-1 code.' })],
  }),
  definition('POST', '/countries/lookup', { summary: 'Many countries at once', tags: ['Batch'] }),
];

export interface ListingOptions {
  readonly slug?: string;
  readonly name?: string;
  readonly tagline?: string;
  readonly description?: string;
  readonly category?: string;
  readonly tags?: string[];
  readonly listedAt?: number;
  readonly status?: 'listed' | 'deprecated';
  readonly plans?: Readonly<Record<string, PlanDocument>>;
  readonly operations?: readonly ApiDefinition[];
  readonly provider?: string;
  readonly website?: string;
  readonly dataSource?: string;
  readonly stage?: string;
  readonly privateOnly?: boolean;
}

const AT = Date.UTC(2026, 5, 1);

/** A listing made the way the directory makes it, from the documents of the store. */
export function listing({ slug = 'countries', plans = DEMO_PLANS, operations = COUNTRIES, ...more }: ListingOptions = {}): Listing {
  const names = Object.keys(plans);
  return toListing({
    product: {
      _id: `prd_${slug}`,
      slug,
      organizationId: 'org_atlas',
      gatewayId: 'gw_1',
      environmentId: 'env_1',
      groupId: 'grp_1',
      apiIds: operations.map((_entry, n) => `api_${n}`),
      name: more.name ?? 'Countries',
      tagline: more.tagline ?? 'Every country with codes, capital, currencies and borders.',
      description: more.description ?? '## What is in it\n\n250 countries and territories.\n\n- names in many languages\n- ISO codes\n',
      category: more.category ?? 'geo',
      tags: more.tags ?? ['reference', 'iso'],
      logo: null,
      terms: 'Use it **fairly**.',
      dataSource: more.dataSource ?? 'https://example.com/countries',
      dataLicence: 'ODbL 1.0',
      status: more.status ?? 'listed',
      statusReason: '',
      submittedAt: AT,
      listedAt: more.listedAt ?? AT,
      createdAt: AT,
      updatedAt: AT,
      rev: 1,
    },
    organization: {
      _id: 'org_atlas',
      name: 'Atlas Data GmbH',
      kind: 'customer',
      ownerId: 'usr_1',
      sellerSlug: 'atlas',
      stripeCustomerId: null,
      paymentMethod: null,
      createdAt: AT,
      rev: 1,
      seller: {
        displayName: more.provider ?? 'Atlas Data',
        slug: 'atlas',
        website: more.website ?? 'https://atlas.example',
        supportEmail: 'help@atlas.example',
        about: '',
      },
    },
    privateOnly: more.privateOnly ?? false,
    group: { _id: 'grp_1', gatewayId: 'gw_1', organizationId: 'org_atlas', label: slug, name: slug, description: '', createdAt: AT, rev: 1 },
    environment: { _id: 'env_1', gatewayId: 'gw_1', name: more.stage ?? 'RELEASE', createdAt: AT },
    plans: names.map((name, ordinal) => ({
      _id: `plan_${name}`,
      productId: `prd_${slug}`,
      name,
      title: name[0]?.toUpperCase() + name.slice(1),
      summary: '',
      ordinal,
      currentVersionId: `plan_${name}_v1`,
      versions: 1,
      retired: false,
      createdAt: AT,
      rev: 1,
    })) as Parameters<typeof toListing>[0]['plans'],
    versions: new Map(
      names.map((name) => [
        `plan_${name}_v1`,
        {
          _id: `plan_${name}_v1`,
          planId: `plan_${name}`,
          planName: name,
          productId: `prd_${slug}`,
          n: 1,
          document: plans[name] as PlanDocument,
          hash: '',
          publishedAt: AT,
          effectiveAt: null,
          standing: 'offered',
        },
      ]),
    ) as Parameters<typeof toListing>[0]['versions'],
    publications: operations.map((entry, n) => ({
      _id: `pub_${n}`,
      gatewayId: 'gw_1',
      groupId: 'grp_1',
      apiId: `api_${n}`,
      environmentId: 'env_1',
      ordinal: 1,
      definition: entry,
      live: true,
      note: '',
      publishedAt: AT,
      publishedBy: 'usr_1',
    })) as Parameters<typeof toListing>[0]['publications'],
    gatewayUrl: 'http://127.0.0.1:8080',
  });
}
