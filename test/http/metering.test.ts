import { expect } from 'chai';
import type { Outcome } from '../../server/domain/metering.ts';
import { startFleet, type Answer, type Fleet, type GatewayProcess } from '../support/gateway-fleet.ts';

const WINDOW = '0.0';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls as the store's records tell them, by outcome. */
async function recorded(fleet: Fleet): Promise<Partial<Record<Outcome, number>>> {
  const outcomes: Partial<Record<Outcome, number>> = {};
  for (const { entries } of await fleet.composition.store.usage.batchesOfWindow(fleet.subscriptionId, WINDOW)) {
    for (const { outcome, calls } of entries) outcomes[outcome as Outcome] = (outcomes[outcome as Outcome] ?? 0) + Number(calls);
  }
  return outcomes;
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
    await within(10, async () => Object.values(await recorded(fleet)).reduce<number>((sum, calls) => sum + (calls ?? 0), 0) === 2_000);
    expect(await recorded(fleet)).to.deep.equal({ '200': 500, 'refused.quota-exceeded': 1_500 });
    expect(await fleet.composition.services.metering.placesOf(fleet.subscriptionId, WINDOW)).to.deep.equal({ requests: 500n });
  });
});
