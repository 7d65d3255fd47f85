/**
 * The demonstration world: `--size s|m|l --seed N`. Everything goes through the services, as by the forms; run again, it finds what is there.
 * Writes DATA_DIR/demo.json, which holds secrets of the demo's app and is readable by its owner only.
 */
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compose } from '../../server/compose.ts';
import { loadConfig } from '../../server/config.ts';
import { seedApp, seedSubscription, type DemoApp } from './buyer.ts';
import { CROWD, seedCrowd } from './crowd.ts';
import { LISTINGS } from './listings.ts';
import { emailOf, PASSWORD, ROLES, seedPeople } from './people.ts';
import { seedGateway, seedListing, type SeededListing } from './provider.ts';

const { values } = parseArgs({ options: { size: { type: 'string', default: 's' }, seed: { type: 'string', default: '42' } } });
if (!(values.size in CROWD) || !/^\d{1,9}$/.test(values.seed)) {
  console.error(`usage: seed --size ${Object.keys(CROWD).join('|')} --seed NUMBER`);
  process.exit(64);
}
const config = loadConfig();
if (config.production || !config.sandbox) {
  console.error('The demonstration world takes no part in production.');
  process.exit(78);
}
// Its own log would drown what a person wants to read; a fault ends the process and is written whole.
const { services, lifecycle, ids } = await compose({ ...config, logLevel: 'error' }, 'seed');
const upstreamPorts = (process.env.UPSTREAM_PORTS ?? '3201,3202,3203,3204').split(',');
const requestId = ids.next('req');
const tell = (text: string): void => console.log(text);

try {
  tell('people and organizations');
  const people = await seedPeople(services.accounts, requestId);
  const gatewayId = await seedGateway(services, people.provider);
  const listings: Record<string, SeededListing> = {};
  for (const [index, listing] of LISTINGS.entries()) {
    tell(`listing ${listing.slug}`);
    listings[listing.slug] = await seedListing(services, people, gatewayId, listing, `http://127.0.0.1:${upstreamPorts[index]}`);
  }
  tell('app and subscriptions');
  const kept = await readDemo();
  const app = await seedApp(services, people.buyer, kept?.apps?.demo);
  const subscriptions: Record<string, string> = {};
  for (const [slug, plan] of [
    ['countries', 'free'],
    ['cities', 'starter'],
  ] as const) {
    const listing = listings[slug];
    const id = listing && (await seedSubscription(services, people.buyer, { listing, plan, appId: app.appId, payAtSimulator: config.stripe.apiBase !== '' }));
    if (id !== undefined) subscriptions[slug] = id;
  }
  await seedCrowd(services, { size: values.size, seed: Number(values.seed), listings: Object.values(listings), requestId, tell });
  await writeDemo({ ...app, subscriptions }, listings);
  tell('written to demo.json');
} finally {
  await lifecycle.stop();
}
process.exit(0);

interface Demo {
  readonly apps?: { readonly demo?: Partial<DemoApp> };
}

async function readDemo(): Promise<Demo | undefined> {
  try {
    return JSON.parse(await readFile(join(config.dataDir, 'demo.json'), 'utf8')) as Demo;
  } catch {
    return undefined;
  }
}

async function writeDemo(app: DemoApp, listings: Readonly<Record<string, SeededListing>>): Promise<void> {
  const demo = {
    webUrl: config.webUrl,
    gatewayUrl: config.gatewayUrl,
    stripeUrl: config.stripe.apiBase || null,
    users: Object.fromEntries(ROLES.map((role) => [role, { email: emailOf(role), password: PASSWORD }])),
    listings: Object.fromEntries(
      LISTINGS.map(({ slug, sampleCall }) => [
        slug,
        { productId: listings[slug]?.productId, baseUrl: `${config.gatewayUrl}/${slug}`, sampleCall, plans: listings[slug]?.plans },
      ]),
    ),
    apps: { demo: app },
  };
  const file = join(config.dataDir, 'demo.json');
  // Whole or not at all: its presence says that the world was made.
  await writeFile(`${file}.new`, `${JSON.stringify(demo, null, 2)}\n`, { mode: 0o600 });
  await chmod(`${file}.new`, 0o600);
  await rename(`${file}.new`, file);
}
