import { expect } from 'chai';
import { startBuyerPortal, type BuyerPortal } from '../../support/buyer-portal.ts';
import { PASSWORD } from '../../support/portal.ts';
import { settled } from '../../support/queue.ts';

describe('while payments are paused', function () {
  this.timeout(60_000);
  let portal: BuyerPortal;
  before(async () => {
    portal = await startBuyerPortal();
  });
  after(() => portal.stop());

  it('buyers read that nothing was charged, operators which process does not ask, the metric says so; then all goes on', async () => {
    const { circuit, services, store } = portal.composition;
    const buyer = await portal.member('Harbor');
    const olaf = await services.accounts.registerMember({ email: 'olaf@example.test', password: PASSWORD, name: 'Olaf' }, 'org_platform', ['Operator']);
    if (olaf) await services.accounts.addOperators(olaf);
    const operator = portal.visitor();
    await operator.post('/sign-in', { email: 'olaf@example.test', password: PASSWORD });
    const metric = async () => /^tollgate_payments_circuit (\d)$/m.exec(await (await fetch(`${portal.opsOrigin}/metrics`)).text())?.[1];
    expect(await metric()).to.equal('0');
    expect((await operator.get('/admin/queues')).text).to.contain('Stripe is asked by every process.');

    portal.stripe.disturbances.add({ kind: 'status', status: 503, times: 10_000 });
    const subscribe = async () => {
      const form = await buyer.get('/apis/cities/subscribe?plan=starter');
      const requestId = /name="requestId"[^>]*value="([^"]*)"/.exec(form.text)?.[1] ?? '';
      return buyer.post('/subscriptions', { planId: portal.listing.planIds.starter, requestId, appId: 'new', appName: 'Map' });
    };
    // By requests of others; each would have tried three times.
    for (let n = 0; n < 4; n += 1) circuit.enter()('fault');
    const refused = await subscribe();
    expect(refused.status).to.equal(503);
    expect(refused.text).to.contain('Payments are unavailable for a moment').and.to.contain('Nothing was charged.');
    expect(refused.headers.get('retry-after')).to.match(/^[1-5]$/);
    const explained = await buyer.get('/problems/payments-paused');
    expect(explained.status).to.equal(200);
    expect(explained.text).to.contain('nothing was charged');
    expect(await metric()).to.equal('1');
    await settled(async () => (await operator.get('/admin/queues')).text.includes('do not ask it'));
    for (const path of ['/admin/queues', '/admin/webhooks']) {
      const seen = await operator.get(path);
      expect(seen.text, path)
        .to.contain('Jobs that need it wait')
        .and.to.match(/<code>web-[^<]+<\/code> since <time/);
    }

    portal.stripe.disturbances.clear();
    await settled(async () => (await subscribe()).status === 303);
    expect(circuit.present().state).to.equal('closed');
    expect(await metric()).to.equal('0');
    await settled(async () => (await operator.get('/admin/queues')).text.includes('Stripe is asked by every process.'));
    const made = (await store.subscriptions.ofOrganization(buyer.organizationId)).filter(({ live }) => live);
    expect(made.length, 'whatever was refused left at most one subscription').to.be.at.most(1);
    expect((await portal.stripe.sdk.invoices.list({ limit: 10 })).data.filter(({ status }) => status === 'paid')).to.deep.equal([]);
  });
});
