import type { Services } from '../../server/services/index.ts';
import { actorOf, PASSWORD } from './people.ts';
import type { SeededListing } from './provider.ts';

/** How many further buyers a size brings. */
export const CROWD: Readonly<Record<string, number>> = { s: 0, m: 20, l: 200 };

const FIRST = ['Amber', 'Birch', 'Cobalt', 'Delta', 'Ember', 'Fjord', 'Granite', 'Hazel', 'Indigo', 'Juniper'];
const SECOND = ['Analytics', 'Bikes', 'Cargo', 'Dental', 'Energy', 'Foods', 'Games', 'Homes', 'Insurance', 'Journeys'];

/** Buyers with an app and a free subscription each, the same for the same `seed`. Those that exist are kept. */
export async function seedCrowd(
  { accounts, apps, subscriptions }: Pick<Services, 'accounts' | 'apps' | 'subscriptions'>,
  {
    size,
    seed,
    listings,
    requestId,
    tell,
  }: { size: string; seed: number; listings: readonly SeededListing[]; requestId: string; tell: (text: string) => void },
): Promise<void> {
  const next = sequence(seed);
  const pick = <T>(list: readonly T[]): T => list[next() % list.length] as T;
  const count = CROWD[size] ?? 0;
  for (let index = 1; index <= count; index += 1) {
    const email = `buyer${index}@demo.test`;
    const organization = `${pick(FIRST)} ${pick(SECOND)}`;
    const listing = pick(listings);
    await accounts.register({ email, password: PASSWORD, name: `Buyer ${index}`, organization });
    const buyer = await actorOf(accounts, email, requestId);
    const app = (await apps.list(buyer))[0]?.app ?? (await apps.create(buyer, { name: 'Production', description: '' }));
    const planId = listing.plans['free'];
    if (planId !== undefined && !(await subscriptions.liveFor(buyer, listing.productId))) {
      await subscriptions.begin(buyer, { planId, appId: app._id, requestId: `crowd-${listing.productId}` });
    }
    if (index % 10 === 0) tell(`${index} of ${count} further buyers`);
  }
}

/** Park and Miller's generator: a seed gives the same world again. */
function sequence(seed: number): () => number {
  let state = (Math.abs(Math.trunc(seed)) % 2_147_483_646) + 1;
  return () => (state = (state * 48_271) % 2_147_483_647);
}
