import { expect } from 'chai';
import { SYSTEM } from '../../../server/domain/actor.ts';
import type { AppError } from '../../../server/kernel/errors.ts';
import { ATTEMPTS_MAX, EVENTS_SEEN, inboxId, type InboxState } from '../../../server/services/inbox.ts';
import { CARDS, customerWithCard, typeCard } from '../../support/stripe.ts';
import { webhookGround, type WebhookGround } from '../../support/webhooks.ts';

describe('deliveries of Stripe that are believed', () => {
  let ground: WebhookGround;
  before(async () => (ground = await webhookGround()));
  after(() => ground.close());
  beforeEach(() => ground.forget());

  describe('F1 (case 61): the same event', () => {
    it('twenty times at once, and again the next day: 200 each time, one effect', async () => {
      const { customerId } = await customerWithCard(ground.stripe.sdk);
      const invoice = await ground.paidInvoice(customerId);
      const body = ground.eventBody({ data: { object: { id: invoice, object: 'invoice' } } });
      const answers = await Promise.all(Array.from({ length: 20 }, () => ground.deliver(body, ground.signed(body))));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array.from({ length: 20 }, () => 200));
      expect(ground.queued).to.have.length(1);
      await Promise.all(Array.from({ length: 5 }, () => ground.inbox.handle(SYSTEM, ground.queued[0]!)));
      expect((await ground.deliver(body, ground.signed(body))).status).to.equal(200);
      await ground.inbox.handle(SYSTEM, ground.queued[0]!);
      expect(ground.queued).to.have.length(1);
      expect(new Set(ground.done)).to.deep.equal(new Set([`paid ${invoice}`]));
      expect(await ground.store.inbox.get(ground.queued[0]!)).to.include({ status: 'done', open: false });
      const after = ground.done.length;
      await ground.inbox.handle(SYSTEM, ground.queued[0]!);
      expect(ground.done).to.have.length(after);
    });
  });

  describe('case 62: events out of order', () => {
    it('F2, I13: every order of the events of a payment ends in what the invoice is now', async () => {
      const { customerId } = await customerWithCard(ground.stripe.sdk);
      const invoice = await ground.paidInvoice(customerId);
      const types = ['invoice.finalized', 'invoice.payment_failed', 'invoice.paid'];
      const orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
      ];
      for (const order of orders) {
        ground.done = [];
        ground.queued = [];
        for (const index of order) {
          const body = ground.eventBody({ type: types[index], data: { object: { id: invoice, object: 'invoice', status: 'open' } } });
          expect((await ground.deliver(body, ground.signed(body))).status).to.equal(200);
        }
        for (const id of ground.queued) await ground.inbox.handle(SYSTEM, id);
        expect(ground.done, order.join()).to.deep.equal([`paid ${invoice}`, `paid ${invoice}`, `paid ${invoice}`]);
      }
    });

    it('an expired session that was completed in another tab counts as completed, whatever the event says', async () => {
      const { customerId } = await customerWithCard(ground.stripe.sdk);
      const session = await ground.stripe.sdk.checkout.sessions.create({
        mode: 'setup',
        customer: customerId,
        payment_method_types: ['card'],
        success_url: 'http://shop.test/',
      });
      await typeCard(session.url!, CARDS.good);
      const body = ground.eventBody({ type: 'checkout.session.expired', data: { object: { id: session.id, object: 'checkout.session' } } });
      await ground.deliver(body, ground.signed(body));
      await ground.inbox.handle(SYSTEM, ground.queued[0]!);
      expect(ground.done).to.deep.equal([`checkout-completed ${session.id}`]);
    });

    it('the simulator’s own deliveries, reversed and doubled, are each taken once', async () => {
      const { customerId } = await customerWithCard(ground.stripe.sdk);
      await ground.stripe.webhooks.flush();
      const invoice = await ground.paidInvoice(customerId);
      ground.queued = [];
      Object.assign(ground.stripe.webhooks.mode, { order: 'reversed', copies: 2 });
      await ground.stripe.webhooks.flush();
      Object.assign(ground.stripe.webhooks.mode, { order: 'sent', copies: 1 });
      expect(ground.queued.length).to.be.greaterThan(5);
      expect(new Set(ground.queued)).to.have.property('size', ground.queued.length);
      for (const id of ground.queued) await ground.inbox.handle(SYSTEM, id);
      expect(new Set(ground.done)).to.deep.equal(new Set([`paid ${invoice}`]));
    });
  });

  describe('case 63: an event that is not for us', () => {
    for (const [what, more] of [
      ['of the other mode', { livemode: true }],
      ['of another account', { account: 'acct_other' }],
    ] as const) {
      it(`${what} is acknowledged, ignored, and shown to the operator`, async () => {
        const body = ground.eventBody(more);
        const { id } = JSON.parse(body) as { id: string };
        expect((await ground.deliver(body, ground.signed(body))).status).to.equal(200);
        await ground.inbox.handle(SYSTEM, inboxId(id));
        expect(ground.queued).to.deep.equal([]);
        expect(ground.done).to.deep.equal([]);
        expect(await ground.store.inbox.get(inboxId(id))).to.include({ status: 'dead', open: false });
      });
    }
  });

  it('an unknown type is stored and ignored', async () => {
    const body = ground.eventBody({ type: 'customer.tax_id.created', data: { object: { id: 'txi_1', object: 'tax_id' } } });
    await ground.deliver(body, ground.signed(body));
    await ground.inbox.handle(SYSTEM, ground.queued[0]!);
    expect(ground.done).to.deep.equal([]);
    expect(await ground.store.inbox.get(ground.queued[0]!)).to.include({ status: 'done', result: 'ignored: nothing of ours' });
  });

  it('an event stays open while Stripe is away, however often it is tried, and is ground.done when Stripe is back', async () => {
    const { customerId } = await customerWithCard(ground.stripe.sdk);
    const invoice = await ground.paidInvoice(customerId);
    const body = ground.eventBody({ data: { object: { id: invoice, object: 'invoice' } } });
    await ground.deliver(body, ground.signed(body));
    ground.stripe.disturbances.add({ kind: 'status', status: 500, times: ATTEMPTS_MAX + 3 });
    for (let attempt = 0; attempt < ATTEMPTS_MAX + 3; attempt++) {
      expect(
        await ground.inbox.handle(SYSTEM, ground.queued[0]!).then(
          () => 'done',
          (error: AppError) => error.code,
        ),
      ).to.equal('dependency-away');
    }
    expect(await ground.inbox.unhandled(SYSTEM, 0)).to.include(ground.queued[0]);
    await ground.inbox.handle(SYSTEM, ground.queued[0]!);
    expect(ground.done).to.deep.equal([`paid ${invoice}`]);
    expect(await ground.inbox.unhandled(SYSTEM, 0)).not.to.include(ground.queued[0]);
  });

  it('an event that fails by our own fault is given up after twelve tries, with the reason, and a person finds it under its state and can revive it', async () => {
    const everything = { from: 0, to: ground.clock.real() + 60_000 };
    const listed = async (state: InboxState) => (await ground.inbox.page(SYSTEM, everything, state, 1, 1_000)).rows.map(({ _id }) => _id);
    const { customerId } = await customerWithCard(ground.stripe.sdk);
    const invoice = await ground.paidInvoice(customerId);
    const body = ground.eventBody({ data: { object: { id: invoice, object: 'invoice' } } });
    await ground.deliver(body, ground.signed(body));
    ground.fault = new Error('a bug of ours');
    const id = ground.queued[0]!;
    expect([(await listed('received')).includes(id), (await listed('dead')).includes(id)]).to.deep.equal([true, false]);
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++)
      expect(await ground.inbox.handle(SYSTEM, id).then(() => 'done', String)).to.include('a bug of ours');
    await ground.inbox.handle(SYSTEM, id);
    expect(await ground.store.inbox.get(id)).to.include({ status: 'dead', open: false, attempts: ATTEMPTS_MAX, result: 'Error: a bug of ours' });
    expect([(await listed('received')).includes(id), (await listed('dead')).includes(id)]).to.deep.equal([false, true]);
    ground.fault = null;
    await ground.inbox.revive(SYSTEM, id);
    expect([(await listed('received')).includes(id), (await listed('dead')).includes(id)]).to.deep.equal([true, false]);
    await ground.inbox.handle(SYSTEM, id);
    expect(await ground.store.inbox.get(id)).to.include({ status: 'done' });
    expect(
      await ground.inbox.revive(SYSTEM, id).then(
        () => 'revived',
        (error: AppError) => error.code,
      ),
    ).to.equal('conflict');
  });

  it('a queue that is away costs nothing: 200, and the sweep finds the event', async () => {
    ground.queueAway = true;
    const body = ground.eventBody();
    expect((await ground.deliver(body, ground.signed(body))).status).to.equal(200);
    const { id } = JSON.parse(body) as { id: string };
    expect(await ground.inbox.unhandled(SYSTEM, 0)).to.include(inboxId(id));
    expect(await ground.inbox.unhandled(SYSTEM, 60_000)).not.to.include(inboxId(id));
  });

  it('F3: reconciling accepts what was never delivered, once, and remembers how far it read', async () => {
    await ground.inbox.reconcile(SYSTEM);
    const { customerId } = await customerWithCard(ground.stripe.sdk);
    const invoice = await ground.paidInvoice(customerId);
    ground.queued = [];
    expect(await ground.inbox.reconcile(SYSTEM)).to.equal(4);
    for (const id of ground.queued) await ground.inbox.handle(SYSTEM, id);
    expect(new Set(ground.done.filter((each) => each.startsWith('paid')))).to.deep.equal(new Set([`paid ${invoice}`]));
    expect(await ground.inbox.reconcile(SYSTEM)).to.equal(0);
    expect(Number(await ground.store.settings.get(EVENTS_SEEN))).to.be.closeTo(ground.clock.now(), 60_000);
  });
});
