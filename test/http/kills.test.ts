import { expect } from 'chai';
import { booksOf, paidOnce } from '../support/books.ts';
import { callsWithoutEnd, holdAnswers } from '../support/held-answers.ts';
import {
  afterInsertInto,
  afterMs,
  afterStripe,
  afterUpdateOf,
  pause,
  startKillWorld,
  type Buyer,
  type KillPoint,
  type KillWorld,
} from '../support/kill-world.ts';
import { CARDS, typeCard } from '../support/stripe.ts';
import { found } from '../support/found.ts';
import type { InvoiceDoc } from '../../server/store/invoices.ts';

const QUOTA = 1_000_000;
const INCLUDED = 100n;
const FEE_MINOR = 1_000n;
const CALLERS = 6;
/** Calls of somebody who does not read his answers, of 60 kB each: more than the kernel keeps for him. */
const HELD = 150;
const HELD_BODY = 'x'.repeat(60_000);
/** So many of them at least are recorded and not ended when their gateway dies. */
const HELD_LEAST = 20;
const DAY_MS = 86_400_000;
/** Over one boundary of every subscription, whichever month it is; what a killed gateway holds back is not too old yet (rule N13). */
const OVER_A_BOUNDARY_MS = 32 * DAY_MS;

/** One round: where gateway, portal and worker die, and whether a boundary lies in it. */
interface Round {
  readonly gateway: KillPoint;
  /** `form`: while the purchase is posted; `webhook`: while the news of the saved card comes in. */
  readonly web: 'form' | 'webhook';
  readonly worker: KillPoint;
  readonly boundary: boolean;
}

const ROUNDS: readonly Round[] = [
  { gateway: afterMs(400), web: 'form', worker: afterStripe('/v1/invoices'), boundary: false },
  { gateway: afterInsertInto('usageBatches'), web: 'webhook', worker: afterUpdateOf('periods'), boundary: true },
  { gateway: afterMs(730), web: 'form', worker: afterInsertInto('invoices'), boundary: true },
  { gateway: afterInsertInto('callLogs'), web: 'webhook', worker: afterStripe('/v1/invoices/{invoice}/pay'), boundary: true },
  { gateway: afterMs(190), web: 'form', worker: afterInsertInto('ledgerTxns'), boundary: true },
  { gateway: afterInsertInto('usageBatches'), web: 'webhook', worker: afterStripe('/v1/invoices/{invoice}/finalize'), boundary: true },
  { gateway: afterMs(610), web: 'form', worker: afterUpdateOf('inbox'), boundary: false },
];

/** So long as the machine gets on at all, what is waited for comes; what never does is named. */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await condition()); looks += 1) {
    if (looks > 2_000) throw new Error(`never came about: ${what}`);
    await pause(200);
  }
}

describe('kill -9 of gateway, web and worker in turn, under load', function () {
  this.timeout(1_200_000);
  let world: KillWorld;
  afterEach(async () => world.stop());

  it('meters every answered call once, and bills every boundary once, through twenty-two kills', async () => {
    world = await startKillWorld({
      plan: { kind: 'fee', fee: '10.00', included: String(INCLUDED), price: '0.01', per: '1', quota: 'hard', quotaLimit: String(QUOTA) },
      answer: (req, res) => {
        const [body, afterMs] = req.url?.includes('held') ? [HELD_BODY, 0] : ['ok', 120];
        setTimeout(() => res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length }).end(body), afterMs);
      },
    });
    const { fleet, stripe } = world;
    const { clock, services, store } = fleet.composition;
    const buyers = await Promise.all(ROUNDS.map((_, n) => world.buyer(`buyer${n}`)));
    const answered = new Set<string>();
    /** Refusals, in their own words: there is reason for none. */
    const others = new Map<string, number>();
    let broken = 0;
    let calling = true;
    const caller = async (n: number) => {
      for (let i = 0; calling; i += 1) {
        const gateway = world.gateways[(n + i) % 2 === 0 ? 'gw1' : 'gw2'];
        if (!gateway.running) {
          await pause(20);
          continue;
        }
        const { status, whole, headers, body } = await fleet.call(gateway, `/cities?n=${n}&i=${i}`);
        if (!whole) broken += 1;
        else if (status === 200) answered.add(String(headers['x-request-id']));
        else {
          const said = `${status} ${/"(?:error_msg|detail)":"([^"]*)/.exec(body)?.[1] ?? ''}`;
          others.set(said, (others.get(said) ?? 0) + 1);
        }
      }
    };
    const callers = Array.from({ length: CALLERS }, (_, n) => caller(n));

    const all = async () => {
      const organizations = [fleet.buyer, ...buyers.map(({ actor }) => actor)];
      return (await Promise.all(organizations.map(({ organizationId }) => store.subscriptions.ofOrganization(organizationId)))).flat();
    };
    let travelledAt = clock.now();
    /**
     * Gateways have stored what was admitted before the last journey, every subscription has gone on at its boundary, and gateways know its next period, as they do
     * where a month takes a month: else calls behind the next boundary would be refused until a worker comes back.
     */
    const arrived = async () => {
      if ((await services.metering.watermark()) < travelledAt) return false;
      for (const { _id, anchorAt, live, periodIndex, unsettled } of await all()) {
        if (!live || anchorAt === null) continue;
        if (unsettled || ((await store.periods.get(_id, periodIndex))?.endAt ?? 0) <= clock.now()) return false;
      }
      return (await services.changes.standing())?.waiting.length === 0;
    };
    const overABoundary = async () => {
      await world.travel(OVER_A_BOUNDARY_MS);
      travelledAt = clock.now();
    };

    // What was killed comes back while the next one is struck.
    let comingBack: Promise<void> = Promise.resolve();
    for (const [n, { gateway, web, worker, boundary }] of ROUNDS.entries()) {
      const node = n % 2 === 0 ? 'gw1' : 'gw2';
      await Promise.all([world.strike(node, gateway), comingBack]);
      comingBack = world.restart(node);

      const buyer = buyers[n] as Buyer;
      const posted = async () => typeCard(await buyer.purchase(), CARDS.good);
      // The same form is sent until it is answered.
      const dead = world.strike('web', afterInsertInto(web === 'form' ? 'subscriptions' : 'inbox'));
      await Promise.all([dead.then(() => world.restart('web')), web === 'form' ? buyer.purchase() : posted(), comingBack]);

      if (boundary) await until('the boundary before', arrived);
      const stopped = world.strike('worker', worker);
      if (web === 'form') await posted();
      if (boundary) await overABoundary();
      await stopped;
      comingBack = world.restart('worker');
    }

    // A gateway dies while answers stand between their record and their end: what it cannot have delivered for certain is marked, shown and free.
    const held = holdAnswers(world.gateways.gw1.url, { appCode: fleet.appCode, path: '/cities/cities?held', calls: HELD });
    const reader = world.signedIn('harbor@example.test', 'a quiet river at night');
    await world.strike('gw1', async ({ kill }) => {
      await until('answers that are held', async () => callsWithoutEnd(String(fleet.env['DATA_DIR']), 'gw1') >= HELD_LEAST);
      await kill();
    });
    for (const id of await held.rest()) answered.add(id);
    await Promise.all([world.restart('gw1'), comingBack]);
    let shown: RegExpExecArray | null = null;
    await until('the page that shows what was held', async () => {
      const { text } = await (await reader).get('/usage?by=outcome');
      shown = /delivery unknown<\/th><td[^>]*>(\d+)<\/td><td[^>]*>(\d+)<\/td><td[^>]*>(\d+)/.exec(text);
      return Number(shown?.[1]) >= HELD_LEAST - CALLERS;
    });
    expect((shown as RegExpExecArray | null)?.slice(2), 'billed calls and units of unknown delivery').to.deep.equal(['0', '0']);
    await pause(500);
    calling = false;
    await Promise.all(callers);
    expect(world.kills).to.deep.equal({ gw1: 5, gw2: 3, web: 7, worker: 7 });

    // The quota's count is what the records say, after recovery.
    await until('the last boundary', arrived);
    await Promise.all(Object.values(world.gateways).map((gateway) => gateway.kill('SIGTERM')));
    const { periodIndex } = await services.subscriptions.get(fleet.buyer, fleet.subscriptionId);
    const places = await services.metering.placesOf(fleet.subscriptionId, `${periodIndex}.0`);
    await world.restart('gw1');
    const probe = await fleet.call(world.gateways.gw1, '/cities?probe');
    const remaining = Number(/"plan";r=(\d+)/.exec(String(probe.headers['ratelimit']))?.[1]);
    expect(QUOTA - remaining - 1, 'places in the quota').to.equal(Number(places['requests']));
    answered.add(String(probe.headers['x-request-id']));
    await world.gateways.gw1.kill('SIGTERM');

    // Every call that was answered is recorded once; what is recorded beyond was in flight at a kill, and is marked.
    const logged = (await store.usage.logsOf(fleet.subscriptionId, 0, Number.MAX_SAFE_INTEGER)).flatMap(({ calls }) => calls);
    const times = new Map<string, number>();
    for (const { id } of logged) times.set(id, (times.get(id) ?? 0) + 1);
    const missing = [...answered].filter((id) => !times.has(id));
    const twice = [...times].filter(([, count]) => count > 1);
    expect({ missing, twice, others: [...others] }).to.deep.equal({ missing: [], twice: [], others: [] });
    const inFlight = CALLERS * (world.kills.gw1 + world.kills.gw2) + HELD;
    const surplus = logged.filter(({ id, outcome }) => !answered.has(id) && outcome !== 'unknown');
    expect(surplus, 'recorded as delivered, but not answered').to.deep.equal([]);
    expect(logged.filter(({ outcome }) => outcome !== '200' && outcome !== 'unknown')).to.deep.equal([]);
    expect(logged.filter(({ outcome }) => outcome === 'unknown').length, 'marked').to.be.within(HELD_LEAST - CALLERS, inFlight);
    expect(times.size - answered.size, 'recorded beyond what was answered').to.be.within(0, inFlight);
    expect(broken, 'calls that a kill cut off').to.be.at.most(inFlight);
    expect(fleet.upstream.seen.length, 'calls that reached the provider').to.be.within(times.size, times.size + inFlight);
    expect(answered.size).to.be.greaterThan(ROUNDS.length * CALLERS);

    // The last window is billed too, also of the last purchase, whose event a killed worker may have held; then everything comes to its end by itself.
    await until('every purchase', async () => (await all()).every(({ anchorAt }) => anchorAt !== null));
    await overABoundary();
    await until('the boundary after the last call', arrived);
    const settled = async () => {
      await stripe.webhooks.flush();
      if (stripe.webhooks.status().pending > 0 || (await store.inbox.open()).length > 0) return false;
      for (const { _id, status } of await all()) {
        if (status !== 'active') return false;
        const ended = (await store.periods.ofSubscription(_id)).filter(({ endAt }) => endAt <= clock.now());
        const invoices = await store.invoices.ofSubscription(_id);
        if (ended.length === 0 || ended.some((period) => period.status !== 'invoiced') || invoices.some(({ step }) => step !== 'done')) return false;
      }
      return true;
    };
    await until('what is due', settled);

    // Every form, sent as often as it took, began one subscription.
    expect((await Promise.all(buyers.map((buyer) => buyer.subscriptions()))).map((list) => list.length)).to.deep.equal(ROUNDS.map(() => 1));

    // Every event of Stripe's is in the inbox, and nothing was given up.
    const inbox = await store.inbox.received('stripe', 0, Number.MAX_SAFE_INTEGER);
    const events = stripe.world.read().all('event');
    expect(inbox.map(({ _id }) => _id).sort()).to.deep.equal(events.map(({ id }) => `stripe.${id}`).sort());
    expect(inbox.filter(({ status }) => status !== 'done')).to.deep.equal([]);

    // One invoice for each boundary, paid once, of one total in the store, in the ledger and at Stripe; the usage in it is what the records bill.
    let issued = 0;
    for (const { _id } of await all()) {
      const ended = (await store.periods.ofSubscription(_id)).filter(({ endAt }) => endAt <= clock.now()).sort((a, b) => a.index - b.index);
      const billable = ended.map(({ index }) =>
        BigInt(logged.filter((call) => call.sub === _id && call.window === `${index}.0` && call.outcome === '200').length),
      );
      const folded = ended.map(async ({ index }) => {
        const entries = (await store.usage.batchesOfWindow(_id, `${index}.0`)).flatMap((batch) => batch.entries);
        return entries.filter(({ window, outcome }) => window === `${index}.0` && outcome === '200').reduce((sum, { calls }) => sum + calls, 0n);
      });
      expect(await Promise.all(folded), `folded for ${_id}`).to.deep.equal(billable);
      const lines = (await store.invoices.ofSubscription(_id)).flatMap((invoice) => invoice.lines);
      const billed = ended.map(({ index }) => BigInt(lines.find(({ key }) => key.startsWith(`requests.${index}.0.`))?.quantity ?? '0'));
      expect(billed, `billed to ${_id}`).to.deep.equal(billable);
      expect(lines.filter(({ key }) => key.startsWith('adj.'))).to.deep.equal([]);
      const totals = [FEE_MINOR, ...billable.map((calls) => FEE_MINOR + (calls > INCLUDED ? calls - INCLUDED : 0n))];
      expect(await booksOf(fleet.composition, stripe, _id), `books of ${_id}`).to.deep.equal(totals.map((total, boundary) => paidOnce(boundary, total)));
      issued += totals.length;
    }
    expect(stripe.world.read().all('invoice'), 'invoices at Stripe').to.have.length(issued);
    expect(
      stripe.world
        .read()
        .all('charge')
        .filter(({ paid }) => paid),
      'charges at Stripe',
    ).to.have.length(issued);
    const sold = await found<InvoiceDoc>(store, 'Invoice', { providerId: fleet.provider.organizationId });
    expect(sold.map(({ number }) => number).sort((a, b) => Number(a) - Number(b))).to.deep.equal(sold.map((_, n) => n + 1));
  });
});
