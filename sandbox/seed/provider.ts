import { readFile } from 'node:fs/promises';
import type { Actor } from '../../server/domain/actor.ts';
import { planFromForm } from '../../server/domain/plan-form.ts';
import type { Services } from '../../server/services/index.ts';
import { PLANS, type Listing } from './listings.ts';

const GATEWAY_NAME = 'Atlas gateway';
const NOTE = 'Demonstration';

export interface SeededListing {
  readonly productId: string;
  readonly plans: Readonly<Record<string, string>>;
}

type Selling = Pick<Services, 'catalog' | 'importing'>;

export async function seedGateway({ catalog }: Selling, provider: Actor): Promise<string> {
  await catalog.sellers.save(provider, {
    displayName: 'Atlas Data',
    slug: 'atlas-data',
    website: 'https://atlas.example.com',
    supportEmail: 'support@atlas.example.com',
    about: 'Reference data for applications: places, money, names.',
  });
  const found = (await catalog.gateways.list(provider)).find(({ name }) => name === GATEWAY_NAME);
  return (found ?? (await catalog.gateways.create(provider, { name: GATEWAY_NAME, description: 'What Atlas Data sells' })))._id;
}

/**
 * A listing, as a provider makes one by the forms: group, document imported, published, product with its plans, submitted; approved by an operator. Each step
 * looks first whether it was done, so that an interrupted seed goes on where it stopped.
 */
export async function seedListing(
  services: Selling,
  { provider, operator }: { provider: Actor; operator: Actor },
  gatewayId: string,
  listing: Listing,
  origin: string,
): Promise<SeededListing> {
  const { catalog } = services;
  const groups = await catalog.groups.list(provider, gatewayId);
  const group =
    groups.find(({ label }) => label === listing.slug) ??
    (await catalog.groups.create(provider, gatewayId, { name: listing.product.name, description: '', label: listing.slug }));
  const apiIds = await importAndPublish(services, provider, gatewayId, group._id, listing, origin);

  const product =
    (await catalog.products.list(provider)).find(({ slug }) => slug === listing.slug) ??
    (await catalog.products.create(provider, group._id, apiIds, { ...listing.product, slug: listing.slug }));
  const plans: Record<string, string> = {};
  const present = await catalog.plans.list(provider, product._id);
  for (const { name, title, summary, form } of PLANS) {
    const reading = planFromForm(form);
    if (reading.faults) throw new Error(`plan ${name}: ${JSON.stringify(reading.faults)}`);
    const found = present.find(({ plan }) => plan.name === name && plan.currentVersionId !== null)?.plan;
    plans[name] = (found ?? (await catalog.plans.create(provider, product._id, { name, title, summary }, reading.document)))._id;
  }
  if (['draft', 'rejected'].includes((await catalog.products.get(provider, product._id)).status)) await catalog.products.submit(provider, product._id);
  const submitted = await catalog.products.get(provider, product._id);
  if (submitted.status === 'submitted') await catalog.reviews.approve(operator, product._id, submitted.rev);
  return { productId: product._id, plans };
}

async function importAndPublish(
  { catalog, importing }: Selling,
  provider: Actor,
  gatewayId: string,
  groupId: string,
  { slug }: Listing,
  origin: string,
): Promise<string[]> {
  const document = new URL(slug === 'httpbin' ? '../upstreams/httpbin/swagger.json' : `../upstreams/${slug}/openapi.yaml`, import.meta.url);
  if ((await catalog.apis.list(provider, gatewayId, groupId)).length === 0) {
    const ordinal = await importing.upload(provider, gatewayId, groupId, await readFile(document), {
      origin,
      security: 'APP',
      appCode: true,
      timeoutMs: 10_000,
      mode: 'merge',
    });
    await importing.apply(provider, gatewayId, groupId, ordinal);
  }
  const drafts = await catalog.apis.list(provider, gatewayId, groupId);
  const waiting = drafts.filter(({ status }) => status !== 'published').map(({ api }) => api._id);
  if (waiting.length > 0) await catalog.publishing.publish(provider, gatewayId, waiting, NOTE);
  return (await catalog.apis.list(provider, gatewayId, groupId)).filter(({ status }) => status === 'published').map(({ api }) => api._id);
}
