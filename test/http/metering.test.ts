import { expect } from 'chai';
import type { Outcome } from '../../server/domain/metering.ts';
import { startFleet, type Answer, type Fleet, type GatewayProcess } from '../support/gateway-fleet.ts';

const WINDOW = '0.0';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls as the store's records tell them, by outcome, and how often each call id is recorded. */
async function recorded(fleet: Fleet) {
  const { store } = fleet.composition;
  const outcomes: Partial<Record<Outcome, number>> = {};
  const ids = new Map<string, number>();
  for (const { entries } of await store.usage.batchesOfWindow(fleet.subscriptionId, WINDOW)) {
    for (const { outcome, calls } of entries) outcomes[outcome as Outcome] = (outcomes[outcome as Outcome] ?? 0) + Number(calls);
  }
  // From the log itself: the page of single calls shows the newest thousand.
  const calls = (await store.usage.logsOf(fleet.subscriptionId, 0, Number.MAX_SAFE_INTEGER)).flatMap((log) => log.calls);
  for (const { id } of calls) ids.set(id, (ids.get(id) ?? 0) + 1);
  return { outcomes, ids };
}

const statuses = (answers: readonly Answer[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

/** Wait until the records hold what `enough` asks for; usage is on the pages within ten seconds. */
async function within(seconds: number, enough: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < seconds * 5; tries += 1) {
    if (await enough()) return;
    await pause(200);
  }
}

describe('metering by gateway processes', function () {
  this.timeout(300_000);
  let fleet: Fleet;
  afterEach(async () => fleet.stop());

  it('forwards exactly 500 of 2,000 concurrent calls on a hard quota of 500 over two processes, and records each once', async () => {
    fleet = await startFleet({ plan: { kind: 'free', quota: 'hard', quotaLimit: '500' } });
    const gateways = await Promise.all([fleet.start('gw1'), fleet.start('gw2')]);
    await pause(500);
    const answers = await Promise.all(Array.from({ length: 2_000 }, (_, i) => fleet.call(gateways[i % 2] as GatewayProcess, `/cities?i=${i}`)));
    expect(statuses(answers)).to.deep.equal({ 200: 500, 429: 1_500 });
    expect(fleet.upstream.seen).to.have.length(500);
    await within(10, async () => Object.values((await recorded(fleet)).outcomes).reduce<number>((sum, calls) => sum + (calls ?? 0), 0) === 2_000);
    const { outcomes } = await recorded(fleet);
    expect(outcomes).to.deep.equal({ '200': 500, 'refused.quota-exceeded': 1_500 });
    expect(await fleet.composition.services.metering.placesOf(fleet.subscriptionId, WINDOW)).to.deep.equal({ requests: 500n });
  });

  it('meters every answered call once through twenty kills under load, and counts the quota as the records do', async () => {
    const LIMIT = 1_000_000;
    fleet = await startFleet({
      plan: { kind: 'free', quota: 'hard', quotaLimit: String(LIMIT) },
      answer: (_req, res) => void setTimeout(() => res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 2 }).end('ok'), 40),
    });
    const KILLS = 20;
    const CALLERS = 12;
    const gateways: GatewayProcess[] = [await fleet.start('gw1'), await fleet.start('gw2')];
    const answered = new Set<string>();
    const broken = { calls: 0 };
    let calling = true;
    const caller = async (n: number) => {
      for (let i = 0; calling; i += 1) {
        const gateway = gateways[(n + i) % 2] as GatewayProcess;
        if (!gateway.running) {
          await pause(20);
          continue;
        }
        const { status, whole, headers } = await fleet.call(gateway, `/cities?n=${n}&i=${i}`);
        if (status === 200 && whole) answered.add(String(headers['x-request-id']));
        else broken.calls += 1;
      }
    };
    const callers = Array.from({ length: CALLERS }, (_, n) => caller(n));
    let inFlight = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      await pause(300 + ((kill * 137) % 700));
      inFlight += CALLERS;
      await (gateways[kill % 2] as GatewayProcess).kill();
      gateways[kill % 2] = await fleet.start(`gw${(kill % 2) + 1}`);
    }
    await pause(500);
    calling = false;
    await Promise.all(callers);
    await Promise.all(gateways.map((gateway) => gateway.kill('SIGTERM')));

    const { outcomes, ids } = await recorded(fleet);
    const [delivered, unknown] = [outcomes['200'] ?? 0, outcomes.unknown ?? 0];
    const missing = [...answered].filter((id) => !ids.has(id));
    const twice = [...ids].filter(([, times]) => times > 1);
    expect({ missing, twice }).to.deep.equal({ missing: [], twice: [] });
    expect(delivered + unknown, 'metered').to.be.within(answered.size, answered.size + inFlight);
    expect(delivered, 'billed').to.be.at.most(answered.size + inFlight - unknown);
    expect(answered.size).to.be.greaterThan(KILLS * CALLERS);

    // The quota's count after recovery is what the records say.
    const places = await fleet.composition.services.metering.placesOf(fleet.subscriptionId, WINDOW);
    const [last] = [await fleet.start('gw1')];
    const probe = await fleet.call(last, '/cities?probe');
    const remaining = Number(/"plan";r=(\d+)/.exec(String(probe.headers['ratelimit']))?.[1]);
    expect(LIMIT - remaining - 1).to.equal(Number(places['requests']));
  });
});
