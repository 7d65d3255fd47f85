import { expect } from 'chai';
import { startBuyerPortal, type BuyerPortal } from '../../support/buyer-portal.ts';
import { PASSWORD } from '../../support/portal.ts';

describe('the operator’s page of totals', function () {
  this.timeout(60_000);
  let portal: BuyerPortal;
  before(async () => {
    portal = await startBuyerPortal();
  });
  after(() => portal.stop());

  it('lists what differs after a comparison, and counts a window anew on demand', async () => {
    const { services, store } = portal.composition;
    const buyer = await portal.member('Harbor');
    const form = await buyer.get('/apis/cities/subscribe?plan=free');
    const requestId = /name="requestId"[^>]*value="([^"]*)"/.exec(form.text)?.[1] ?? '';
    await buyer.post('/subscriptions', { planId: portal.listing.planIds.free, requestId, appId: 'new', appName: 'Map' });
    const [subscription] = await store.subscriptions.ofOrganization(buyer.organizationId);
    const sub = subscription?._id ?? '';
    await portal.recordCalls(sub, [{ count: 40, outcome: '200' }]);
    await services.usageTotals.rollUp();

    const olaf = await services.accounts.registerMember({ email: 'olaf@example.test', password: PASSWORD, name: 'Olaf' }, 'org_platform', ['Operator']);
    if (olaf) await services.accounts.addOperators(olaf);
    const operator = portal.visitor();
    await operator.post('/sign-in', { email: 'olaf@example.test', password: PASSWORD });

    expect((await buyer.post('/admin/totals/audits', {})).status).to.be.oneOf([403, 404]);
    expect((await operator.post('/admin/totals/audits', {})).location).to.equal('/admin/periods');
    const clean = await operator.get('/admin/periods');
    expect(clean.text).to.contain('totals and batches agree');
    expect(clean.text).not.to.contain('data-name="totals-findings"');

    const [total] = await store.usageTotals.ofWindow(sub, '0.0');
    if (!total) throw new Error('nothing was counted');
    const [hour = ''] = Object.keys(total.hours);
    await store.usageTotals.correct(total._id, total.rev, { hours: { [hour]: { ...total.hours[hour], billable: 41n } }, counted: total.counted });
    await operator.post('/admin/totals/audits', {});
    const wrong = await operator.get('/admin/periods');
    expect(wrong.text).to.match(
      /data-label="Quantity">billable<\/td><td data-label="In totals" class="num">41<\/td><td data-label="In batches" class="num">40</,
    );
    expect(wrong.text).to.contain(`action="/admin/totals/${sub}/0.0/recount"`);

    await operator.post(`/admin/totals/${sub}/0.0/recount`, {});
    const right = await operator.get('/admin/periods');
    expect(right.text).to.contain('Counted anew');
    expect(right.text).not.to.contain('data-name="totals-findings"');
    expect((await store.usageTotals.ofWindow(sub, '0.0'))[0]?.hours[hour]?.billable).to.equal(40n);
  });
});
