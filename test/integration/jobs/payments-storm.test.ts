import { Queue as BullQueue } from 'bullmq';
import { expect } from 'chai';
import { startWorker, type WorkerRole } from '../../../jobs/worker.ts';
import { makeLog } from '../../../server/kernel/log.ts';
import { asConnection, queueClient, queuePrefix } from '../../../server/queue/connection.ts';
import { behindCircuit, makeCircuit } from '../../../server/stripe/circuit.ts';
import { BUYER, LATENESS_SECONDS, billingWorld, type BillingWorld } from '../../support/billing-world.ts';
import { settled, testQueue, type TestQueue } from '../../support/queue.ts';

describe('F32: a storm of 429, 500 and time-outs from Stripe', function () {
  this.timeout(120_000);
  let world: BillingWorld;
  let test: TestQueue;
  let worker: WorkerRole | undefined;
  const client = { close: async () => undefined as void };

  before(async () => {
    [world, test] = [await billingWorld(), await testQueue()];
  });
  after(async () => {
    await worker?.stop();
    await client.close();
    await test.close();
    await world.close();
  });

  it('opens the circuit; jobs wait without using up their tries; then the queue drains in the order of the steps, and nothing is doubled', async () => {
    const COUNT = 6;
    const ids: string[] = [];
    while (ids.length < COUNT) ids.push(await world.subscribe((await world.plan()).planId));
    for (const id of ids) world.usage.record(id, 0, 1300);
    world.travel((await world.boundary(ids[0] ?? '', 1)) + LATENESS_SECONDS * 1000);
    const invoices = ids.map((id) => `inv_${id}_1`);
    for (const id of ids) await world.invoicing.issuePeriod(id, 0);

    // Its clock stands still until the test has looked at the waiting jobs; the waits are the shortest there are.
    let heldAt: number | null = Date.now();
    const circuit = makeCircuit({ clock: { real: () => heldAt ?? Date.now() }, jitter: () => 0 });
    const { invoicing, subscriptions } = world.process({ payments: (real) => behindCircuit(real, circuit) });
    const idle = {
      auditRetention: { expireDue: async () => 0 },
      catalog: { deletion: { carryOut: async () => undefined, unfinished: async () => [] }, publishing: { settleAbandoned: async () => 0 } },
      inbox: { unhandled: async () => [], handle: async () => undefined, reconcile: async () => 0 },
      keyWarnings: { warnOfEnds: async () => 0 },
      planAnnouncements: { carryOn: async () => ({ settled: 0, letters: 0 }) },
      resealing: { carryOut: async () => 0 },
      usageTotals: { auditAll: async () => ({ windows: 0, wrong: 0 }), rollUp: async () => 0 },
    };
    const clock = { ...world.clock, real: Date.now };
    worker = startWorker(
      test.connection,
      { ...idle, invoicing, subscriptions, queue: test.queue, clock, log: makeLog('silent', 'test') },
      { scheduled: false },
    );

    const storm = [
      { kind: 'status', status: 429 },
      { kind: 'status', status: 500 },
      { kind: 'status-after', status: 500 },
    ] as const;
    for (const blow of storm) world.stripe.disturbances.add({ ...blow, times: 1 });
    world.stripe.disturbances.add({ kind: 'status', status: 503, times: 10_000 });
    const blowsLeft = () => world.stripe.disturbances.list().reduce((sum, { times }) => sum + times, 0);
    const [late, early] = [invoices.slice(0, 2), invoices.slice(2)];
    for (const invoiceId of early) await test.queue.enqueue('collect-invoice', { invoiceId });
    await settled(async () => circuit.present().state === 'open');
    for (const invoiceId of late) await test.queue.enqueue('collect-invoice', { invoiceId });

    // Everybody waits, and Stripe is left alone.
    const bull = queueClient(test.connection, { patient: true });
    await bull.connect();
    const queue = new BullQueue('collect-invoice', { connection: asConnection(bull), prefix: queuePrefix(test.connection) });
    client.close = async () => {
      await queue.close();
      bull.destroy();
    };
    await settled(async () => (await queue.getDelayed()).length === COUNT);
    const before = (await queue.getDelayed()).map(({ id, attemptsMade }) => [id, attemptsMade] as const);
    const left = blowsLeft();
    expect(before.map(([, attempts]) => attempts).sort(), 'four met the storm, two came when it was open').to.deep.equal([0, 0, 1, 1, 1, 1]);
    // Asked for again, by a sweep or a person: each finds the circuit open, and is put off anew.
    for (const job of await queue.getDelayed()) await job.promote().catch(() => undefined);
    await settled(async () => (await queue.getDelayed()).length === COUNT);
    const after = new Map((await queue.getDelayed()).map(({ id, attemptsMade }) => [id, attemptsMade]));
    expect(blowsLeft(), 'nothing is sent while it is open').to.equal(left);
    for (const [id, attempts] of before) expect(after.get(id), `tries of ${id}`).to.equal(attempts);

    world.stripe.disturbances.clear();
    heldAt = null;
    await settled(async () => (await Promise.all(invoices.map((id) => world.store.invoices.get(id)))).every((invoice) => invoice?.step === 'done'));
    await settled(async () => (await test.queue.counts()).every(({ waiting, active, delayed }) => waiting + active + delayed === 0));
    expect(circuit.present().state).to.equal('closed');
    expect(await test.queue.failures()).to.deep.equal([]);

    const { data } = await world.stripe.sdk.invoices.list({ limit: 100 });
    const renewals = data.filter(({ metadata }) => invoices.includes(metadata?.['tollgate_invoice'] ?? ''));
    expect(renewals.map(({ status, total, lines }) => `${status} ${total} in ${lines.data.length} lines`)).to.deep.equal(
      Array<string>(COUNT).fill('paid 1150 in 2 lines'),
    );
    const said = (await world.stripe.sdk.events.list({ limit: 100 })).data.reverse();
    for (const { id } of renewals) {
      const steps = said.filter(({ data: { object } }) => (object as { id?: string }).id === id).map(({ type }) => type);
      const order = (['invoice.created', 'invoice.finalized', 'invoice.paid'] as const).map((type) => steps.indexOf(type));
      expect(order, steps.join(' ')).to.deep.equal(order.toSorted((a, b) => a - b));
      expect(steps.filter((type) => type === 'invoice.paid')).to.have.length(1);
    }
    expect(await world.balance(`receivable:${BUYER}`)).to.equal(0n);
  });
});
