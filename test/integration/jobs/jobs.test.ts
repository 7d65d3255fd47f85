import { expect } from 'chai';
import { startWorker, type WorkerRole } from '../../../jobs/worker.ts';
import { makeLog } from '../../../server/kernel/log.ts';
import type { Queue } from '../../../server/queue/queue.ts';
import { LATENESS_SECONDS, billingWorld, type BillingWorld } from '../../support/billing-world.ts';
import { settled, testQueue, type TestQueue } from '../../support/queue.ts';

describe('jobs', function () {
  this.timeout(60_000);
  let world: BillingWorld;
  let test: TestQueue;
  let events: string[];
  let handled: string[];
  let warned = 0;
  let resealed = 0;
  const workers: WorkerRole[] = [];

  beforeEach(async () => {
    [world, test, events, handled] = [await billingWorld(), await testQueue(), [], []];
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.stop();
    await test.close();
    await world.close();
  });

  /** A worker process of its own over the same store, queue and Stripe. */
  const work = (scheduled: boolean, queue: Pick<Queue, 'enqueue'> = test.queue) => {
    const { invoicing, planAnnouncements, subscriptions } = world.process();
    const inbox = {
      unhandled: async () => events.filter((id) => !handled.includes(id)),
      handle: async (_: unknown, id: string) => void handled.push(id),
      reconcile: async () => 0,
    };
    const catalog = { deletion: { carryOut: async () => undefined, unfinished: async () => [] }, publishing: { settleAbandoned: async () => 0 } };
    const resealing = { carryOut: async () => (resealed += 1) };
    const usageTotals = { auditAll: async () => ({ windows: 0, wrong: 0 }), rollUp: async () => 0 };
    const auditRetention = { expireDue: async () => 0 };
    const keyWarnings = { warnOfEnds: async () => (warned += 1) };
    const jobWorld = {
      auditRetention,
      catalog,
      inbox,
      invoicing,
      keyWarnings,
      planAnnouncements,
      resealing,
      subscriptions,
      usageTotals,
      queue,
      clock: world.clock,
      log: makeLog('silent', 'test'),
    };
    workers.push(startWorker(test.connection, jobWorld, { scheduled }));
  };
  const paid = async (subscriptionId: string, index: number) => (await world.store.invoices.get(`inv_${subscriptionId}_${index}`))?.step === 'done';
  const idle = async () => (await test.queue.counts()).every(({ waiting, active, delayed }) => waiting + active + delayed === 0);
  const subscribed = async (count: number): Promise<string[]> => {
    const ids: string[] = [];
    while (ids.length < count) ids.push(await world.subscribe((await world.plan()).planId));
    for (const id of ids) world.usage.record(id, 0, 1300);
    world.travel((await world.boundary(ids[0] ?? '', 1)) + LATENESS_SECONDS * 1000);
    return ids;
  };
  const charged = async () => (await world.stripe.sdk.invoices.list({ limit: 100 })).data.map(({ total, status }) => `${status} ${total}`).sort();

  it('two workers at once close every period that is due, invoice it and collect it, each once', async () => {
    const ids = await subscribed(3);
    work(true);
    work(true);
    await settled(async () => (await Promise.all(ids.map((id) => paid(id, 1)))).every(Boolean));
    await settled(idle);
    expect(await charged()).to.deep.equal([...Array(3).fill('paid 1000'), ...Array(3).fill('paid 1150')]);
    expect(warned, 'looks for keys that end').to.be.greaterThan(0);
    expect(resealed, 'looks for secrets under older keys').to.be.greaterThan(0);
  });

  it('F9: Redis is emptied again and again in the middle of a close; nothing is lost or doubled', async () => {
    const ids = await subscribed(3);
    // Of each invoice the first wish to collect it is lost for certain; the emptying takes others, as it happens to meet them.
    const lost = new Set<string>();
    work(true, {
      async enqueue(name, payload) {
        const id = 'invoiceId' in payload ? payload.invoiceId : '';
        if (name !== 'collect-invoice' || lost.has(id)) return test.queue.enqueue(name, payload);
        lost.add(id);
      },
    });
    let done = false;
    const emptying = (async () => {
      for (let times = 0; times < 12 && !done; times += 1) {
        await test.flush();
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    })();
    // An invoice is taken for stuck when it has stood still for a while by the product's clock; in this world that goes on only when it is told to.
    await settled(async () => {
      world.travel(world.clock.now() + 1_000);
      return (await Promise.all(ids.map((id) => paid(id, 1)))).every(Boolean);
    });
    done = true;
    expect(lost.size).to.equal(3);
    await emptying;
    expect(await charged()).to.deep.equal([...Array(3).fill('paid 1000'), ...Array(3).fill('paid 1150')]);
    const postings = await world.store.ledger.ofAccount('stripe_clearing', 0, Number.MAX_SAFE_INTEGER);
    expect(
      postings.flatMap(({ entries }) => entries).reduce((sum, { account, amountMinor }) => (account === 'stripe_clearing' ? sum + amountMinor : sum), 0n),
    ).to.equal(6084n);
  });

  it('sweeps: an event that the queue forgot is handled, an invoice that was left standing is collected, a move that was cut short is completed', async () => {
    const [id = ''] = await subscribed(1);
    await world.invoicing.issuePeriod(id, 0);
    events.push('stripe.evt_1');
    world.travel(world.clock.now() + 60_000);
    await world.store.subscriptions.update(id, (await world.store.subscriptions.get(id))?.rev ?? 0, { unsettled: true });
    work(true);
    await settled(async () => handled.length > 0 && (await paid(id, 1)) && (await world.store.subscriptions.get(id))?.unsettled === false);
    expect(new Set(handled)).to.deep.equal(new Set(['stripe.evt_1']));
  });

  it('each job may run twice', async () => {
    const [id = ''] = await subscribed(1);
    work(false);
    for (let times = 0; times < 2; times += 1) {
      await test.queue.enqueue('close-periods', {});
      await settled(idle);
      await test.queue.enqueue('invoice-subscription', { subscriptionId: id, periodIndex: 0 });
      await settled(idle);
      await test.queue.enqueue('collect-invoice', { invoiceId: `inv_${id}_1` });
      await test.queue.enqueue('sweep', {});
      await test.queue.enqueue('reconcile-events', {});
      await settled(idle);
    }
    expect(await charged()).to.deep.equal(['paid 1000', 'paid 1150']);
    expect(await test.queue.failures()).to.deep.equal([]);
  });
});
