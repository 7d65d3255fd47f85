import { expect } from 'chai';
import { makeLog } from '../../../server/kernel/log.ts';
import { makeClockControl, type ClockControl } from '../../../server/services/clock-control.ts';
import type { Store } from '../../../server/store/index.ts';
import { makeSimulatorControl } from '../../../server/stripe/simulator.ts';
import { LATENESS_SECONDS, START, STARTER, billingWorld, type BillingWorld } from '../../support/billing-world.ts';

const DAY_MS = 86_400_000;

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('the sandbox clock', function () {
  this.timeout(60_000);
  let world: BillingWorld;
  let control: ClockControl;
  let sealed: number[];
  beforeEach(async () => {
    world = await billingWorld();
    sealed = [];
    control = controlOf('web');
  });
  const controlOf = (
    owner: string,
    store: Pick<Store, 'inbox' | 'settings' | 'subscriptions'> = world.store,
    hear: (kind: string) => void = () => undefined,
  ): ClockControl =>
    makeClockControl({
      store,
      invoicing: world.invoicing,
      subscriptions: world.subscriptions,
      inbox: { unhandled: async () => [], handle: async () => undefined },
      watermark: async () => world.usage.watermarkAt ?? world.clock.now(),
      jobsUnderWay: async () => 0,
      signals: {
        publish: async (kind, payload) => {
          hear(kind);
          if (kind === 'seal-journals' && 'at' in payload) sealed.push(payload.at);
        },
      },
      clock: world.clock,
      log: makeLog('silent', 'test'),
      simulator: makeSimulatorControl(world.stripe.url),
      offsetSetting: 'clockOffsetMs',
      owner,
      watermarkMs: 300,
    });
  afterEach(async () => {
    await control.stop();
    await world.close();
  });

  it('makes a month pass: the subscription goes on at its boundary and its invoice is paid when the lateness is over', async () => {
    const id = await world.subscribe((await world.plan()).planId);
    world.usage.record(id, 0, 1300);
    expect(await control.move({ advance: 'P1M' })).to.deep.equal({ pending: [] });
    expect(world.clock.now()).to.equal(Date.UTC(2030, 5, 5, 12));
    expect(await world.store.settings.get('clockOffsetMs')).to.equal(31 * DAY_MS);
    expect(world.stripe.world.clock.offsetMs()).to.equal(31 * DAY_MS);
    expect(await world.store.subscriptions.get(id)).to.include({ periodIndex: 1 });
    expect(await world.store.invoices.get(`inv_${id}_1`)).to.equal(null);
    await control.move({ advance: 'PT15M' });
    expect(await world.store.invoices.get(`inv_${id}_1`)).to.deep.include({ status: 'paid', totalMinor: 1150n, issuedAt: Date.UTC(2030, 5, 5, 12, 15) });
  });

  it('does what is due at each boundary on its way, not all of it at the end', async () => {
    const id = await world.subscribe((await world.plan()).planId);
    await control.move({ to: new Date(START + 100 * DAY_MS).toISOString() });
    const invoices = (await world.store.invoices.ofSubscription(id)).sort((a, b) => a.periodIndex - b.periodIndex);
    expect(invoices.map(({ issuedAt, status }) => [new Date(issuedAt).toISOString(), status])).to.deep.equal(
      ['2030-05-05T12:00:00.000Z', '2030-06-05T12:15:00.000Z', '2030-07-05T12:15:00.000Z', '2030-08-05T12:15:00.000Z'].map((at) => [at, 'paid']),
    );
  });

  it('suspends when the grace is over, on the third day after the boundary', async () => {
    const id = await world.subscribe((await world.plan()).planId);
    world.stripe.world.planDeclines('insufficient_funds', 9);
    await control.move({ advance: 'P1M2D' });
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'past_due' });
    await control.move({ advance: 'P1D' });
    expect(await world.store.subscriptions.get(id)).to.include({ status: 'suspended' });
  });

  it('says what is pending while usage is not stored, and asks for it', async () => {
    const id = await world.subscribe((await world.plan({ ...STARTER, base_amount: 100 })).planId);
    const endAt = await world.boundary(id, 1);
    world.usage.watermarkAt = endAt - 1;
    const { pending } = await control.move({ to: new Date(endAt + LATENESS_SECONDS * 1000).toISOString() });
    expect(pending).to.deep.equal(['usage that a gateway has not stored', `period ${id}_0 waits for usage`]);
    expect(sealed.length).to.be.greaterThan(0);
    world.usage.watermarkAt = null;
    expect(await control.move({ advance: 'PT1S' })).to.deep.equal({ pending: [] });
    expect(await world.store.invoices.get(`inv_${id}_1`)).to.include({ status: 'paid' });
  });

  it('a move whose process dies on its way is gone on with by another one, to where it was told to go', async () => {
    const id = await world.subscribe((await world.plan()).planId);
    const target = START + 100 * DAY_MS;
    // kill -9 of the web process once it passed the first month: nothing it asks for is answered any more.
    let alive = true;
    const never = new Promise<never>(() => undefined);
    const settings = new Proxy(world.store.settings, {
      get: (real, name) => {
        const verb = Reflect.get(real, name) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          if (args[0] === 'clockOffsetMs' && Number(args[1]) >= 40 * DAY_MS) alive = false;
          return alive ? verb(...args) : never;
        };
      },
    });
    const dying = controlOf('dying', { ...world.store, settings });
    void dying.move({ to: new Date(target).toISOString() });
    await until(async () => !alive);
    expect(world.clock.now()).to.be.lessThan(target);
    expect(await control.progress()).to.include({ target });
    // The dead one holds the clock for a few seconds of the machine's time.
    expect(await control.resume()).to.equal(false);
    expect(await control.move({ advance: 'P1D' }).catch((error: { code: string }) => error.code)).to.equal('conflict');
    const offset = world.clock.offsetMs();
    world.travel(START + 16_000);
    expect(world.clock.offsetMs()).to.equal(offset);
    expect(await control.resume()).to.equal(true);
    await until(async () => (await control.progress()) === null);
    expect(world.clock.now()).to.be.at.least(target);
    const invoices = (await world.store.invoices.ofSubscription(id)).filter(({ status }) => status === 'paid');
    expect(invoices.map(({ periodIndex }) => periodIndex).sort()).to.deep.equal([0, 1, 2, 3]);
    expect(await control.resume()).to.equal(false);
  });

  it('a process that is stopped on its way leaves the rest to the next one at once', async () => {
    await world.subscribe((await world.plan()).planId);
    const stopped = controlOf('stopped');
    const moving = stopped.move({ to: new Date(START + 100 * DAY_MS).toISOString() });
    await until(async () => world.clock.offsetMs() > 0);
    await stopped.stop();
    await moving;
    expect(world.clock.offsetMs()).to.be.lessThan(100 * DAY_MS);
    expect(await control.resume()).to.equal(true);
    await until(async () => (await control.progress()) === null);
    expect(world.clock.offsetMs()).to.equal(100 * DAY_MS);
  });

  it('brings Stripe’s clock after everybody else’s: whoever hears of the move is not behind it', async () => {
    const order: string[] = [];
    const tell = (who: string, at: number) => void (order.at(-1) !== who && at > 0 && order.push(who));
    const settings = new Proxy(world.store.settings, {
      get: (real, name) => {
        const verb = Reflect.get(real, name) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          if (args[0] === 'clockOffsetMs' && name === 'raise') tell('store', Number(args[1]));
          return verb(...args);
        };
      },
    });
    const watched = controlOf('watched', { ...world.store, settings }, (kind) => {
      if (kind !== 'clock-moved') return;
      tell('others', world.clock.offsetMs());
      expect(world.stripe.world.clock.offsetMs(), 'Stripe when the others hear of it').to.be.lessThan(world.clock.offsetMs());
    });
    await watched.move({ advance: 'P1D' });
    expect(order).to.deep.equal(['store', 'others']);
    expect(world.stripe.world.clock.offsetMs()).to.equal(DAY_MS);
  });

  it('F7: a request that is under way when the clock leaps is repeated under the same key, and makes nothing twice', async () => {
    const customer = await world.stripe.sdk.customers.create({ email: 'leap@example.test' });
    const draft = () => world.stripe.sdk.invoices.create({ customer: customer.id, currency: 'usd' }, { idempotencyKey: 'leap.create' });
    world.stripe.disturbances.add({ kind: 'drop-response', method: 'POST', path: '/v1/invoices', times: 2 }); // the SDK repeats a lost one once
    expect(await draft().catch(() => 'no answer')).to.equal('no answer');
    await control.move({ advance: 'P1M' });
    await draft();
    expect((await world.stripe.sdk.invoices.list({ customer: customer.id })).data).to.have.length(1);
  });

  it('refuses to move back, nowhere, or beyond ten years', async () => {
    for (const move of [{ to: '2020-01-01T00:00:00Z' }, { advance: 'P0D' }, { advance: 'nonsense' }, { advance: 'P11Y' }, { to: 'never' }]) {
      expect(await control.move(move).catch((error: { code: string }) => error.code)).to.equal('invalid-request');
    }
  });
});
