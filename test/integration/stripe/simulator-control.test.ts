import { expect } from 'chai';
import { AppError } from '../../../server/kernel/errors.ts';
import { makeSimulatorControl } from '../../../server/stripe/simulator.ts';
import { testStripe } from '../../support/stripe.ts';

describe('the sandbox clock at the Stripe simulator', () => {
  it('moves forward with the portal’s, whoever tells it twice, and never back', async () => {
    const stripe = await testStripe();
    const control = makeSimulatorControl(stripe.url);
    for (const offset of [5_000, 86_400_000, 86_400_000, 10]) await control.setClock(offset);
    expect(stripe.world.clock.offsetMs()).to.equal(86_400_000);
    await stripe.close();
  });

  it('ends what falls due by then before it answers, and tells how many webhooks are not delivered yet', async () => {
    const stripe = await testStripe({ webhookUrl: 'http://127.0.0.1:1/nobody', webhookSecret: 'whsec_test' });
    stripe.webhooks.mode.hold = true;
    const control = makeSimulatorControl(stripe.url);
    const { id } = await stripe.sdk.checkout.sessions.create({ mode: 'setup', currency: 'usd', success_url: 'http://shop.test/' });
    expect(await control.webhooksWaiting()).to.equal(1);
    await control.setClock(25 * 3600_000);
    expect(stripe.world.read().get('checkout.session', id).status).to.equal('expired');
    expect(await control.webhooksWaiting()).to.equal(2);
    await stripe.close();
  });

  it('says that the simulator is away, when it is', async () => {
    const code = await makeSimulatorControl('http://127.0.0.1:1')
      .setClock(5)
      .then(
        () => 'moved',
        (error: unknown) => (error instanceof AppError ? error.code : String(error)),
      );
    expect(code).to.equal('dependency-away');
  });
});
