import { expect } from 'chai';
import { BUYER, LATENESS_SECONDS, PROVIDER, STARTER, billingWorld, buyer, type BillingWorld } from '../../support/billing-world.ts';
import { CARDS } from '../../support/stripe.ts';

const METERED = { currency: 'usd', interval: 'month', base_amount: 0, meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '1' } }] };
const VOLUME = {
  ...METERED,
  meters: [
    {
      code: 'requests',
      price: {
        model: 'volume',
        tiers: [
          { up_to: 7500, unit_amount_decimal: '0.36' },
          { up_to: null, unit_amount_decimal: '0.21' },
        ],
      },
    },
  ],
};

describe('what invoices carry on (rule N16)', function () {
  this.timeout(60_000);
  let world: BillingWorld;
  beforeEach(async () => {
    world = await billingWorld();
  });
  afterEach(() => world.close());

  const left = async () => (await world.invoicing.leftOver(buyer)).map(({ carriedMinor }) => carriedMinor);

  /** A subscription that ended with 34 too little to charge. */
  const smallDebt = async (): Promise<string> => {
    const id = await world.subscribe((await world.plan(METERED)).planId);
    world.usage.record(id, 0, 34);
    await world.subscriptions.cancel(buyer, id);
    await world.endPeriod(id, 0);
    return id;
  };

  it('F34: an invoice of zero or below the minimum charge is closed without a charge; what an ended subscription left is shown, and charged with the next one of the seller', async () => {
    const id = await smallDebt();
    expect(await world.invoice(id, 1)).to.include({ status: 'paid', chargeMinor: 0n, carriedMinor: 34n });
    expect((await world.stripe.sdk.invoices.list()).data).to.have.length(0);
    expect(await left()).to.deep.equal([34n]);
    expect(await world.balance(`receivable:${BUYER}`)).to.equal(34n);
    const kept = (currency: string, providerId = PROVIDER) => world.invoicing.keptFor(buyer, { currency, providerId });
    expect([await kept('usd'), await kept('eur'), await kept('usd', 'org_other')]).to.deep.equal([34n, 0n, 0n]);
    const next = await world.subscribe((await world.plan()).planId);
    expect(await kept('usd')).to.equal(0n);
    expect(await world.invoice(next, 0)).to.deep.include({ status: 'paid', carriedInMinor: 34n, chargeMinor: 1034n, carriedFrom: [`inv_${id}_1`] });
    expect(await left()).to.deep.equal([]);
    expect(await world.balance(`receivable:${BUYER}`)).to.equal(0n);
    await world.endPeriod(next, 0);
    expect(await world.invoice(next, 1)).to.include({ carriedInMinor: 0n, chargeMinor: 1000n });
  });

  it('F39: a negative total is paid out to nobody; the balance waits, and is set off against the next subscription of the same seller until it is used up', async () => {
    const id = await world.subscribe((await world.plan(VOLUME)).planId);
    world.usage.record(id, 0, 7500);
    await world.subscriptions.cancel(buyer, id);
    await world.endPeriod(id, 0);
    expect(await world.invoice(id, 1)).to.include({ status: 'paid', chargeMinor: 2700n });
    // One late call makes all of them cheaper: 1575 instead of 2700.
    world.usage.record(id, 0, 1);
    await world.endPeriod(id, 1);
    expect(await world.invoice(id, 2)).to.include({ status: 'paid', totalMinor: -1125n, chargeMinor: 0n, carriedMinor: -1125n });
    expect((await world.stripe.sdk.refunds.list()).data).to.have.length(0);
    expect(await left()).to.deep.equal([-1125n]);
    const next = await world.subscribe((await world.plan()).planId);
    expect(await world.invoice(next, 0)).to.include({ status: 'paid', totalMinor: -125n, chargeMinor: 0n, carriedMinor: -125n });
    expect(await world.store.subscriptions.get(next)).to.include({ status: 'active' });
    await world.endPeriod(next, 0);
    expect(await world.invoice(next, 1)).to.include({ status: 'paid', carriedInMinor: -125n, chargeMinor: 875n, carriedMinor: 0n });
    expect(await world.balance(`receivable:${BUYER}`)).to.equal(0n);
  });

  it('I21: another currency is left alone', async () => {
    await smallDebt();
    const next = await world.subscribe((await world.plan({ ...STARTER, currency: 'eur' })).planId);
    expect(await world.invoice(next, 0)).to.include({ carriedInMinor: 0n, chargeMinor: 1000n });
    expect(await left()).to.deep.equal([34n]);
  });

  it('a subscription that runs keeps its own: another one takes nothing of it', async () => {
    const running = await world.subscribe((await world.plan(METERED)).planId);
    world.usage.record(running, 0, 34);
    await world.endPeriod(running, 0);
    const next = await world.store.subscriptions.get(running);
    expect([await left(), next?.status]).to.deep.equal([[], 'active']);
    await world.store.apps.addApp(
      { _id: 'app_2', organizationId: BUYER, name: 'Other', description: '', createdAt: world.clock.now(), deletedAt: null, rev: 0 },
      10,
    );
    const other = await world.subscribe((await world.plan()).planId);
    expect(await world.invoice(other, 0)).to.include({ carriedInMinor: 0n, chargeMinor: 1000n });
    world.usage.record(running, 1, 34);
    world.travel((await world.boundary(running, 2)) + LATENESS_SECONDS * 1000);
    await world.invoicing.round();
    expect(await world.invoice(running, 2)).to.include({ carriedInMinor: 34n, chargeMinor: 68n });
  });

  it('a purchase that is given up leaves it for the next one', async () => {
    await smallDebt();
    const refused = await world.subscribe((await world.plan()).planId, CARDS.chargeFails);
    expect(await world.invoice(refused, 0)).to.include({ status: 'open', carriedInMinor: 34n });
    expect(await left()).to.deep.equal([]);
    await world.subscriptions.cancel(buyer, refused);
    expect(await world.invoice(refused, 0)).to.include({ status: 'void', step: 'done' });
    expect(await left()).to.deep.equal([34n]);
    expect(await world.balance(`receivable:${BUYER}`)).to.equal(34n);
    expect(await world.invoice(await world.subscribe((await world.plan()).planId), 0)).to.include({ chargeMinor: 1034n });
  });

  it('a purchase cut short between taking it and writing the invoice finds it again, or leaves it when it is given up', async () => {
    await smallDebt();
    const dying = world.process({
      store: (real) => ({
        ...real,
        invoices: {
          ...real.invoices,
          add: async () => {
            throw new Error('killed');
          },
        },
      }),
    });
    const subscription = async (planId: string) => {
      const id = await world.subscribe(planId, CARDS.chargeFails);
      return (await world.store.subscriptions.get(id))!;
    };
    const first = await subscription((await world.plan()).planId);
    await world.subscriptions.cancel(buyer, first._id);
    const never = { ...first, _id: 'sub_cut' };
    expect(await dying.invoicing.openFirst(never).catch((error: Error) => error.message)).to.equal('killed');
    expect(await left()).to.deep.equal([]);
    // As the sweep does when the purchase expires.
    await world.store.subscriptions.add({ ...never, requestId: 'cut', status: 'pending', live: false });
    expect(await world.invoicing.abandonFirst(never)).to.equal('gone');
    expect(await left()).to.deep.equal([34n]);
    expect(await dying.invoicing.openFirst(never)).to.deep.equal({ kind: 'void' });
  });

  it('two invoices at once take it over once', async () => {
    await smallDebt();
    const ids = ['sub_a', 'sub_b', 'sub_c', 'sub_d'];
    const some = (await world.store.subscriptions.ofOrganization(BUYER))[0]!;
    const { productId, planId } = await world.plan();
    const made = { ...some, productId, planId, planVersionId: `${planId}_v1`, status: 'pending' as const, anchorAt: null };
    for (const _id of ids) await world.store.subscriptions.add({ ...made, _id, requestId: _id, live: false });
    await Promise.all(
      ids.flatMap((_id) =>
        [1, 2].map(() =>
          world
            .process()
            .invoicing.openFirst({ ...made, _id })
            .catch(() => undefined),
        ),
      ),
    );
    const carried = await Promise.all(ids.map(async (id) => (await world.invoice(id, 0)).carriedInMinor));
    expect(carried.reduce((sum, one) => sum + one, 0n)).to.equal(34n);
  });
});
