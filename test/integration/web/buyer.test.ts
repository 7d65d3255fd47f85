import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { startBuyerPortal, type BuyerPortal } from '../../support/buyer-portal.ts';
import type { Member } from '../../support/portal.ts';
import type { Answer } from '../../support/browserless.ts';
import { CARDS, typeCard } from '../../support/stripe.ts';
import { found } from '../../support/found.ts';
import type { CredentialDoc } from '../../../server/store/apps.ts';

/** The value of a hidden or visible field of the page. */
const valueOf = (text: string, name: string): string =>
  new RegExp(`name="${name}"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="${name}"`)
    .exec(text)
    ?.slice(1)
    .find((found) => found !== undefined) ?? '';
const amounts = (text: string): string[] =>
  [...text.matchAll(/<data value="(-?\d+)" data-currency="([a-z]{3})">/g)].map(([, minor, currency]) => `${currency} ${minor}`);

describe('the buyer’s pages', function () {
  this.timeout(60_000);
  let portal: BuyerPortal;
  let buyer: Member;
  before(async function () {
    this.timeout(60_000);
    portal = await startBuyerPortal();
  });
  after(() => portal.stop());
  beforeEach(async () => {
    buyer = await portal.member('Harbor');
  });

  const subscribe = async (plan: 'free' | 'payg' | 'starter', fields: Record<string, string> = {}): Promise<Answer> => {
    const form = await buyer.get(`/apis/cities/subscribe?plan=${plan}`);
    return buyer.post('/subscriptions', {
      planId: valueOf(form.text, 'planId'),
      requestId: valueOf(form.text, 'requestId'),
      appId: 'new',
      appName: 'Map',
      ...fields,
    });
  };
  const active = async (plan: 'free' | 'payg' | 'starter' = 'free'): Promise<string> => {
    const { location } = await subscribe(plan);
    if (plan === 'free') return location?.split('/').at(-1) ?? '';
    await typeCard(location ?? '', CARDS.good);
    const [one] = await portal.composition.store.subscriptions.ofOrganization(buyer.organizationId);
    await buyer.get(`/subscriptions/${one?._id}?checkout=anything`);
    return one?._id ?? '';
  };

  it('say before paying what is due today, each month, beyond what is included, and at the limit', async () => {
    const { status, text } = await buyer.get('/apis/cities/subscribe?plan=starter');
    expect(status).to.equal(200);
    expect(amounts(text)).to.include('usd 1000');
    for (const words of [
      'Due today',
      '1,000 calls included, then USD 5.00 per 1,000 calls',
      'At the limit',
      '2xx are charged',
      'the fee for it is not paid back',
      'Continue to payment',
    ])
      expect(text).to.contain(words);
    const free = await buyer.get('/apis/cities/subscribe?plan=free');
    for (const words of ['No card is needed', 'refused with status 429', 'Subscribe for free']) expect(free.text).to.contain(words);
  });

  it('lead from the plan’s button to the page of its API', async () => {
    const { status, location } = await buyer.get(`/subscriptions/new?plan=${portal.listing.planIds.payg}`);
    expect([status, location]).to.deep.equal([303, `/apis/cities/subscribe?plan=${portal.listing.planIds.payg}`]);
  });

  it('subscribe for free in one form, with a new app, and show it active', async () => {
    const { status, location } = await subscribe('free');
    expect(status).to.equal(303);
    expect(location).to.match(/^\/subscriptions\/sub_/);
    const { text } = await buyer.get(location ?? '');
    expect(text).to.contain('data-status="active"').and.to.contain('0</strong> of 500 calls').and.to.contain('/cities/cities').and.to.contain('Map');
  });

  it('make one subscription and one app of a form that is sent twice at once', async () => {
    const form = await buyer.get('/apis/cities/subscribe?plan=free');
    const fields = { planId: valueOf(form.text, 'planId'), requestId: valueOf(form.text, 'requestId'), appId: 'new', appName: 'Map' };
    const [a, b] = await Promise.all([buyer.post('/subscriptions', fields), buyer.post('/subscriptions', fields)]);
    expect([a.status, a.location]).to.deep.equal([b.status, b.location]);
    expect(await portal.composition.store.apps.appsOf(buyer.organizationId)).to.have.length(1);
    expect(await portal.composition.store.subscriptions.ofOrganization(buyer.organizationId)).to.have.length(1);
  });

  it('give a fault beside its field and keep what was typed', async () => {
    const { status, text } = await subscribe('free', { appName: '   ' });
    expect(status).to.equal(422);
    expect(text).to.contain('A new app needs a name.').and.to.contain('id="appName-error"');
    const chosen = await subscribe('free', { appId: 'app_somebodyelses', appName: 'Kept' });
    expect(chosen.status).to.equal(422);
    expect(chosen.text).to.contain('Choose one of your apps.').and.to.contain('value="Kept"');
    expect((await subscribe('free', { status: 'active' })).status).to.equal(422);
  });

  it('take a card at Checkout and tell the truth on the return page, whatever its address says', async () => {
    const { status, location } = await subscribe('starter');
    expect(status).to.equal(303);
    expect(location?.startsWith(portal.stripe.url)).to.equal(true);
    const [pending] = await portal.composition.store.subscriptions.ofOrganization(buyer.organizationId);
    const page = `/subscriptions/${pending?._id}`;
    expect((await buyer.get(`${page}?checkout=cs_test_forged`)).text)
      .to.contain('Not paid yet')
      .and.to.contain('data-status="pending"');
    await typeCard(location ?? '', CARDS.good);
    const returned = await buyer.get(`${page}?checkout=cs_test_whatever`);
    expect(returned.text).to.contain('data-status="active"').and.to.contain('of 1,000 calls');
    const billing = await buyer.get('/billing');
    expect(billing.text).to.contain('•••• 4242').and.to.contain('Cities of the world');
  });

  it('show a decline, resume with another card, and charge once', async () => {
    const { location } = await subscribe('starter');
    await typeCard(location ?? '', CARDS.chargeFails);
    const [one] = await portal.composition.store.subscriptions.ofOrganization(buyer.organizationId);
    const page = `/subscriptions/${one?._id}`;
    expect((await buyer.get(page)).text)
      .to.contain('The card was declined')
      .and.to.contain('Nothing was charged')
      .and.to.contain('data-name="resume"');
    const resumed = await buyer.post(`${page}/resumption`);
    expect(resumed.location?.startsWith(portal.stripe.url)).to.equal(true);
    // Checkout is left again: what stands here is still the card that was declined, not a bank that asks.
    expect((await buyer.get(page)).text)
      .to.contain('The card was declined')
      .and.to.contain('Nothing was charged');
    await typeCard(resumed.location ?? '', CARDS.good);
    expect((await buyer.get(page)).text).to.contain('data-status="active"');
    const { data } = await portal.stripe.sdk.paymentIntents.list();
    expect(data.filter((intent) => intent.customer === one?.stripeCustomerId && intent.status === 'succeeded')).to.have.length(1);
  });

  it('cancel at the end of the period, say when access ends, and undo it', async () => {
    const id = await active();
    const { status } = await buyer.post(`/subscriptions/${id}/cancellation`);
    expect(status).to.equal(303);
    const canceled = await buyer.get(`/subscriptions/${id}`);
    expect(canceled.text).to.contain('Your keys work until').and.to.contain('data-name="undo"').and.not.to.contain('data-name="cancel"');
    await buyer.post(`/subscriptions/${id}/cancellation/undo`);
    expect((await buyer.get(`/subscriptions/${id}`)).text)
      .to.contain('The cancellation is undone')
      .and.to.contain('data-name="cancel"');
  });

  it('show a secret once, with a call that works as it stands, and never again', async () => {
    await active();
    const [app] = await portal.composition.store.apps.appsOf(buyer.organizationId);
    const requestId = randomUUID();
    const fields = { kind: 'code', name: 'CI', expiry: '30d', requestId };
    const issued = await buyer.post(`/apps/${app?._id}/credentials`, fields);
    expect(issued.status).to.equal(201);
    expect(issued.headers.get('cache-control')).to.equal('no-store');
    const code = /tgc_[A-Za-z0-9]+/.exec(issued.text)?.[0] ?? '';
    expect(code).to.have.length.within(64, 180);
    expect(issued.text).to.contain(`X-Apig-AppCode: ${code}`).and.to.contain('http://127.0.0.1:8080/cities/cities');
    const again = await buyer.post(`/apps/${app?._id}/credentials`, fields);
    expect(again.status).to.equal(409);
    const list = await buyer.get(`/apps/${app?._id}`);
    expect(list.text).to.contain(code.slice(-4)).and.to.contain('CI').and.not.to.contain(code);
    expect(await found<CredentialDoc>(portal.composition.store, 'Credential', { appId: app?._id ?? '' })).to.have.length(1);
  });

  it('rotate, rename, revoke, and delete an app after its name was typed', async () => {
    await active();
    const [app] = await portal.composition.store.apps.appsOf(buyer.organizationId);
    const at = `/apps/${app?._id}`;
    await buyer.post(`${at}/credentials`, { kind: 'key', name: 'First', expiry: 'never', requestId: randomUUID() });
    const [first] = await found<CredentialDoc>(portal.composition.store, 'Credential', { appId: app?._id ?? '' });
    const rotated = await buyer.post(`${at}/credentials/${first?._id}/rotation`, { overlap: '15m', requestId: randomUUID() });
    expect(rotated.status).to.equal(201);
    expect(rotated.text)
      .to.match(/tgs_[A-Za-z0-9]+/)
      .and.to.contain('works until')
      .and.to.contain('SDK-HMAC-SHA256');
    await buyer.post(`${at}/credentials/${first?._id}/name`, { name: 'Old one' });
    await buyer.post(`${at}/credentials/${first?._id}/revocation`);
    expect((await buyer.get(at)).text)
      .to.contain('data-status="revoked"')
      .and.to.contain('Old one');
    const wrong = await buyer.post(`${at}/removal`, { confirmation: 'Mop' });
    expect(wrong.status).to.equal(422);
    expect(wrong.text).to.contain('exactly').and.to.contain('1 working key');
    expect((await buyer.post(`${at}/removal`, { confirmation: 'Map' })).location).to.equal('/apps');
    expect((await buyer.get(at)).status).to.equal(404);
  });

  it('show usage as the batches hold it: on the page, in the file, and call by call with its reason', async () => {
    const id = await active();
    await portal.recordCalls(id, [
      { count: 12, outcome: '200' },
      { count: 3, outcome: '404' },
      { count: 2, outcome: 'refused.throttled' },
      { count: 5, outcome: '200', operation: 'GET /cities/{id}' },
    ]);
    const page = await buyer.get(`/usage?subscription=${id}&range=24h&by=operation`);
    expect(page.text).to.contain('GET /cities/{id}').and.to.contain('as of').and.to.contain('<svg');
    const csv = await buyer.get(`/usage.csv?subscription=${id}&range=24h&by=outcome`);
    expect(csv.headers.get('content-type')).to.contain('text/csv');
    expect(
      csv.text
        .split('\r\n')
        .slice(1)
        .filter(Boolean)
        .map((line) => line.split(',').slice(3, 8).join()),
    ).to.deep.equal(['200,200,17,17,17', '404,404,3,0,0', 'refused.throttled,refused: throttled,2,0,0']);
    const calls = await buyer.get(`/usage/calls?subscription=${id}&range=24h`);
    expect(calls.text).to.contain('refused by the gateway, never billed').and.to.contain('status 404 is not billed by this plan').and.to.contain('call_');
    const dashboard = await buyer.get('/dashboard');
    expect(dashboard.text).to.contain('20</strong> of 500 calls').and.to.contain('22 calls');
    const odd = await buyer.get(`/usage?subscription=${id}&range=custom&from=2026-02-01&to=2026-01-01`);
    expect(odd.text).to.contain('The first day must come before the last.');
  });

  it('write an invoice whose page, PDF and CSV say the same', async () => {
    const id = await active('starter');
    const list = await buyer.get('/invoices');
    const invoice = `/invoices/inv_${id}_0`;
    expect(list.text).to.contain(invoice).and.to.contain('data-status="paid"');
    expect(list.text, 'the one that the running period ends in').to.contain('data-name="upcoming-invoices"').and.to.contain('Running');
    const page = await buyer.get(invoice);
    expect(amounts(page.text).at(-1)).to.equal('usd 1000');
    expect(page.text).to.contain('Cities of the world (Starter): fee for the first month');
    const csv = await buyer.get(`${invoice}.csv`);
    expect(csv.text).to.contain('Total,,10.00,usd');
    const pdf = await buyer.get(`${invoice}.pdf`);
    expect(pdf.headers.get('content-type')).to.contain('application/pdf');
    expect(pdf.text.startsWith('%PDF-1.')).to.equal(true);
  });

  it('lead a newcomer through four steps and then leave', async () => {
    const first = await buyer.get('/dashboard');
    expect(first.text).to.contain('Your first call').and.to.contain('Nothing yet').and.to.contain('aria-current="step"');
    for (const path of ['/apps', '/subscriptions', '/usage', '/invoices', '/billing']) expect((await buyer.get(path)).status, path).to.equal(200);
    const id = await active();
    const [app] = await portal.composition.store.apps.appsOf(buyer.organizationId);
    await buyer.post(`/apps/${app?._id}/credentials`, { kind: 'code', name: '', expiry: 'never', requestId: randomUUID() });
    expect((await buyer.get('/dashboard')).text).to.contain('Make your first call');
    await portal.recordCalls(id, [{ count: 1, outcome: '200' }]);
    expect((await buyer.get('/dashboard')).text).not.to.contain('Your first call');
  });

  it('tell when a key was last used, whichever gateway reports it first', async () => {
    await active();
    const { apps } = portal.composition.store;
    const [app] = await apps.appsOf(buyer.organizationId);
    await buyer.post(`/apps/${app?._id}/credentials`, { kind: 'code', name: '', expiry: 'never', requestId: randomUUID() });
    const [credential] = await found<CredentialDoc>(portal.composition.store, 'Credential', { appId: app?._id ?? '' });
    expect((await buyer.get(`/apps/${app?._id}`)).text).to.match(/Last used<\/dt><dd>never/);
    const at = Date.UTC(2026, 4, 3, 10, 20);
    for (const reported of [at - 60_000, at, at - 30_000]) await apps.noteUses(new Map([[credential?._id ?? '', reported]]));
    expect((await found<CredentialDoc>(portal.composition.store, 'Credential', { appId: app?._id ?? '' }))[0]?.lastUsedAt).to.equal(at);
    expect((await buyer.get(`/apps/${app?._id}`)).text).to.match(/Last used<\/dt><dd><time datetime="2026-05-03T10:20/);
  });

  it('look missing to other organizations, and closed to members without the right', async () => {
    const id = await active('starter');
    const [app] = await portal.composition.store.apps.appsOf(buyer.organizationId);
    await buyer.post(`/apps/${app?._id}/credentials`, { kind: 'code', name: '', expiry: 'never', requestId: randomUUID() });
    const [credential] = await found<CredentialDoc>(portal.composition.store, 'Credential', { appId: app?._id ?? '' });
    const stranger = await portal.member('Stranger');
    const reads = [
      `/subscriptions/${id}`,
      `/apps/${app?._id}`,
      `/invoices/inv_${id}_0`,
      `/invoices/inv_${id}_0.pdf`,
      `/invoices/inv_${id}_0.csv`,
      `/usage?subscription=${id}`,
      `/usage.csv?subscription=${id}`,
      `/usage/calls?subscription=${id}`,
    ];
    for (const path of reads) {
      expect((await stranger.get(path)).status, path).to.equal(404);
      expect((await portal.visitor().get(path)).status, `${path} for a visitor`).to.be.oneOf([303, 401]);
    }
    const requestId = randomUUID();
    const writes: [string, Record<string, string>][] = [
      [`/subscriptions/${id}/cancellation`, {}],
      [`/subscriptions/${id}/cancellation/undo`, {}],
      [`/subscriptions/${id}/resumption`, {}],
      [`/subscriptions/${id}/apps`, { appId: app?._id ?? '' }],
      [`/subscriptions/${id}/apps/removal`, { appId: app?._id ?? '' }],
      [`/invoices/inv_${id}_0/attempt`, {}],
      [`/apps/${app?._id}`, { name: 'Mine', description: '' }],
      [`/apps/${app?._id}/removal`, { confirmation: 'Map' }],
      [`/apps/${app?._id}/credentials`, { kind: 'code', name: '', expiry: 'never', requestId }],
      [`/apps/${app?._id}/credentials/${credential?._id}/rotation`, { overlap: 'now', requestId }],
      [`/apps/${app?._id}/credentials/${credential?._id}/revocation`, {}],
      [`/apps/${app?._id}/credentials/${credential?._id}/name`, { name: 'x' }],
    ];
    for (const [path, fields] of writes) {
      expect((await stranger.post(path, fields)).status, path).to.equal(404);
      expect((await portal.visitor().post(path, fields)).status, `${path} for a visitor`).to.equal(401);
    }
    expect(await portal.composition.store.subscriptions.get(id)).to.include({ status: 'active', cancelAtPeriodEnd: false });
    const organization = await portal.composition.store.accounts.organization(buyer.organizationId);
    await portal.composition.store.accounts.updateOrganization(buyer.organizationId, organization?.rev ?? 0, { ownerId: 'usr_somebody' });
    await portal.composition.store.accounts.setRights(buyer.organizationId, buyer.userId, { policies: ['ReadOnlyAccess'], groups: [] });
    for (const [path, fields] of writes) expect((await buyer.post(path, fields)).status, `${path} for a reader`).to.equal(403);
    expect((await buyer.get(`/subscriptions/${id}`)).text).not.to.contain('data-name="cancel"');
  });
});
