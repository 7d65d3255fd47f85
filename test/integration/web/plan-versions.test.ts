import { expect } from 'chai';
import { startBuyerPortal, type BuyerPortal } from '../../support/buyer-portal.ts';
import { PASSWORD } from '../../support/portal.ts';

const DAY_MS = 86_400_000;
const FREE = { title: 'Free', summary: '', kind: 'free', currency: 'usd', interval: 'month', quota: 'hard', quotaLimit: '500', billable: '2', per: '1' };

describe('pages about versions that are announced (rule N6)', function () {
  this.timeout(120_000);
  let portal: BuyerPortal;
  let buyer: Awaited<ReturnType<BuyerPortal['member']>>;
  let seller: ReturnType<BuyerPortal['visitor']>;
  let subscriptionId: string;
  let path: string;
  before(async () => {
    portal = await startBuyerPortal();
    buyer = await portal.member('Harbor');
    seller = portal.visitor();
    const { email = '' } = (await portal.composition.store.accounts.user(portal.provider.userId)) ?? {};
    await seller.post('/sign-in', { email, password: PASSWORD });
    const form = await buyer.get('/apis/cities/subscribe?plan=free');
    const requestId = /name="requestId"[^>]*value="([^"]*)"/.exec(form.text)?.[1] ?? '';
    const { location } = await buyer.post('/subscriptions', { planId: portal.listing.planIds.free, requestId, appId: 'new', appName: 'Map' });
    subscriptionId = location?.split('/').at(-1) ?? '';
    path = `/products/${portal.listing.productId}/plans/${portal.listing.planIds.free}`;
  });
  after(() => portal.stop());

  const day = (days: number): string => new Date(portal.composition.clock.now() + days * DAY_MS).toISOString().slice(0, 10);
  const rev = async (): Promise<string> => /name="rev" value="(\d+)"/.exec((await seller.get(path)).text)?.[1] ?? '';
  const send = async (more: Record<string, string>) => seller.post(path, { ...FREE, rev: await rev(), ...more });
  const carryOn = () => portal.composition.services.planAnnouncements.carryOn();
  const mailsAbout = async (words: string) =>
    (await portal.composition.store.mails.sent(0, Date.now() * 2)).filter(({ to, subject }) => to === buyer.email && subject.includes(words));

  it('offer the choice where somebody has the plan, with new subscribers only at first and both earliest days', async () => {
    const { text } = await seller.get(path);
    expect(text).to.match(/name="audience" type="radio" value="new" checked/);
    expect(text).to.include('name="effectiveAt" type="date"').and.include('30 days ahead');
    expect((await seller.get(path.replace(portal.listing.planIds.free, portal.listing.planIds.payg))).text).to.not.include('name="audience"');
  });

  it('refuse a day that is too near beside its field, say why, keep what was typed, and save nothing', async () => {
    for (const [typed, said] of [
      [day(5), 'The quota shrinks from 500 to 400 calls in a period.'],
      ['', 'Choose the day.'],
      ['31 June', 'This is no day'],
      [day(900), 'within the next two years'],
    ] as const) {
      const { status, text } = await send({ quotaLimit: '400', audience: 'all', effectiveAt: typed });
      expect(status).to.equal(422);
      const beside = text.indexOf('id="effectiveAt-error"');
      expect(text.slice(beside, beside + 500), typed).to.include(said);
      expect(text)
        .to.include('value="400"')
        .and.match(/value="all" checked/);
    }
    expect(await portal.composition.store.products.plan(portal.listing.planIds.free)).to.include({ versions: 1, title: 'Free' });
    const preview = await send({ quotaLimit: '400', intent: 'preview' });
    expect(preview.text).to.include('For those who have the plan').and.include('The quota shrinks');
    expect((await send({ quotaLimit: '600', intent: 'preview' })).text).to.include('Nothing gets dearer');
  });

  it('show it to both sides once it is announced, and the letter tells the same', async () => {
    const { location } = await send({ quotaLimit: '400', audience: 'all', effectiveAt: day(40) });
    const told = (await seller.get(location ?? '')).text;
    expect(told).to.include('Version 2 is published: it holds for new subscribers now, and for running subscriptions');
    expect((await seller.get(path)).text)
      .to.include('Version 2 is announced for running subscriptions')
      .and.include('are on their way');
    await carryOn();
    const page = (await seller.get(path)).text;
    expect(page)
      .to.include('All of them have been told')
      .and.include('1 subscription on version 1')
      .and.include('500 calls, free of charge')
      .and.include('400 calls, free of charge');
    const own = (await buyer.get(`/subscriptions/${subscriptionId}`)).text;
    expect(own).to.include('New terms from').and.include('500 calls, free of charge').and.include('400 calls, free of charge');
    expect(own).to.include('The quota shrinks from 500 to 400 calls in a period.').and.include('cancel before');
    const [mail] = await mailsAbout('The terms of Cities of the world change on');
    expect(mail?.text).to.include('400 calls, free of charge').and.include(`/subscriptions/${subscriptionId}`);
    expect(await mailsAbout('change on')).to.have.length(1);
  });

  it('say nothing of it where the subscription ends before', async () => {
    await buyer.post(`/subscriptions/${subscriptionId}/cancellation`, {});
    expect((await buyer.get(`/subscriptions/${subscriptionId}`)).text).to.not.include('New terms from');
    await buyer.post(`/subscriptions/${subscriptionId}/cancellation/undo`, {});
    expect((await buyer.get(`/subscriptions/${subscriptionId}`)).text).to.include('New terms from');
  });

  it('let the provider withdraw it, once; a stranger finds nothing', async () => {
    const versionId = `${portal.listing.planIds.free}_v2`;
    expect((await buyer.post(`${path}/withdrawal`, { versionId })).status).to.equal(404);
    expect((await seller.post(`${path}/withdrawal`, { versionId: `${portal.listing.planIds.free}_v1` })).status).to.equal(404);
    const { location } = await seller.post(`${path}/withdrawal`, { versionId });
    expect((await seller.get(location ?? '')).text).to.include('Version 2 is withdrawn');
    await carryOn();
    const page = (await seller.get(path)).text;
    expect(page).to.not.include('is announced for running subscriptions');
    expect(page).to.include('Withdrawn before it took effect').and.include('value="500"');
    expect((await buyer.get(`/subscriptions/${subscriptionId}`)).text).to.not.include('New terms from');
    expect(await mailsAbout('is withdrawn')).to.have.length(1);
  });
});
