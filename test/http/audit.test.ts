import { expect } from 'chai';
import { isoUtc } from '../../server/kernel/clock.ts';
import { PASSWORD, startPortal, type Member, type Portal } from '../support/portal.ts';

const PATH = '/organization/audit';
const rowsOf = (text: string): string[] => [...text.matchAll(/<tr>\s*<th scope="row">[\s\S]*?<\/tr>/g)].map(([row]) => row);
const plain = (html: string): string =>
  html
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
const hrefOf = (text: string, rel: string): string =>
  (new RegExp(`rel="${rel}" href="([^"]*)"`).exec(text)?.[1] ?? '').replaceAll('&amp;', '&').replaceAll('&#x3D;', '=');

describe('the page of the audit log', function () {
  this.timeout(120_000);
  let portal: Portal;
  let owner: Member;
  let other: Member;
  before(async () => {
    portal = await startPortal();
    owner = await portal.member('Harbor');
    other = await portal.member('Foreign');
  });
  after(() => portal.stop());

  const records = (organizationId: string) => portal.composition.store.audit.ofOrganization(organizationId, 0, Number.MAX_SAFE_INTEGER);
  const newest = async (organizationId: string) => (await records(organizationId)).sort((a, b) => a.at - b.at || (a._id < b._id ? -1 : 1)).at(-1);

  it('shows who, what, when, from where and in which request, and opens to what changed', async () => {
    const { headers } = await owner.post('/organization', { name: 'Harbor Ltd' });
    const requestId = headers.get('x-request-id') ?? '';
    const page = await owner.get(`${PATH}?request=${requestId}`);
    const [row = '', ...more] = rowsOf(page.text);
    expect(more).to.deep.equal([]);
    expect(plain(row)).to.include('Harbor').and.include('Organization: change').and.include('market:organization:update').and.include(requestId);
    expect(plain(row)).to.match(/Name Harbor & Co → became Harbor Ltd|Name Harbor &amp; Co → became Harbor Ltd/);
    expect(row).to.match(/<time datetime="\d{4}-\d\d-\d\dT[^"]*Z">/);
    expect(plain((await other.get(`${PATH}?request=${requestId}`)).text), 'another organization').to.include('No record like that');
  });

  it('filters by everything at once, keeps it in the address, and says beside the field what cannot be read', async () => {
    const made = await owner.post('/gateways', { name: 'Main', description: '' });
    const gatewayId = /gw_[a-z0-9]+/.exec(made.location ?? '')?.[0] ?? '';
    await owner.post(`/gateways/${gatewayId}/groups`, { name: 'Maps', description: '', label: '' });
    const query = `who=${owner.userId}&action=apig:*&thing=${gatewayId}&outcome=done&zone=Europe/Berlin`;
    const page = await owner.get(`${PATH}?${query}`);
    expect(rowsOf(page.text).map((row) => /apig:[a-z]+:[a-z]+/.exec(row)?.[0])).to.deep.equal(['apig:groups:create', 'apig:instances:create']);
    expect(page.text)
      .to.include('Europe/Berlin')
      .and.match(/href="\/organization\/audit\.csv\?who[^"]*zone/);
    expect(page.text).to.include(`value="${gatewayId}"`);
    expect(rowsOf((await owner.get(`${PATH}?thing=${gatewayId}&action=market:*`)).text)).to.deep.equal([]);
    const wrong = await owner.get(`${PATH}?action=(a%2B)%2B$&zone=Mars/Base&from=2026-02-30T10:00&to=tomorrow`);
    expect(wrong.status).to.equal(422);
    for (const id of ['action', 'zone', 'from', 'to']) expect(wrong.text).to.include(`id="${id}-error"`).and.include(`aria-describedby="${id}-error"`);
    expect(wrong.text).to.include('value="Mars/Base"');
    const turned = await owner.get(`${PATH}?from=2026-11-24T10:00&to=2026-11-23T10:00`);
    expect(turned.status).to.equal(422);
    for (const strange of ['who[$ne]=x', 'thing[$gt]=', 'after=9e99.x', 'who=a&who=b', 'after=$'])
      expect((await owner.get(`${PATH}?${strange}`)).status, strange).to.equal(200);
  });

  it('leads from page to page, and back to the newest', async () => {
    const { store, ids, clock } = portal.composition;
    const start = clock.now();
    for (let i = 0; i < 120; i += 1)
      await store.audit.append({
        _id: ids.next('evt'),
        at: start - i * 60_000,
        organizationId: other.organizationId,
        userId: other.userId,
        kind: 'user',
        action: 'market:apps:update',
        resource: `app:app_${i}`,
        things: [`app_${i}`],
        outcome: 'done',
        address: '192.0.2.7',
        requestId: `req_${i}`,
        before: null,
        after: null,
      });
    const things: string[] = [];
    let path = `${PATH}?action=market:apps:*`;
    for (let pages = 0; path !== '' && pages < 5; pages += 1) {
      const { text } = await other.get(path);
      things.push(...rowsOf(text).map((row) => /app:(app_\d+)/.exec(row)?.[1] ?? ''));
      expect(hrefOf(text, 'first') !== '', 'a way back').to.equal(pages > 0);
      path = hrefOf(text, 'next');
    }
    expect(things).to.deep.equal(Array.from({ length: 120 }, (_, i) => `app_${i}`));
  });

  it('gives what the filter shows as a file: UTC, bounded, no formula, only the own organization', async () => {
    await owner.post('/apps', { name: '=HYPERLINK("http://evil")', description: '', requestId: crypto.randomUUID() });
    const file = await owner.get(`${PATH}.csv?zone=America/New_York`);
    expect(file.headers.get('content-type')).to.equal('text/csv; charset=utf-8');
    expect(file.headers.get('content-disposition')).to.equal('attachment; filename=audit.csv');
    const lines = file.text.replace(/^\uFEFF/, '').split('\r\n');
    expect(lines[0]).to.equal('time,who_id,who,outcome,action,resource,address,request_id,before,after,record_id');
    expect(lines.filter((line) => line !== '')).to.have.length((await records(owner.organizationId)).length + 1);
    const last = await newest(owner.organizationId);
    expect(lines[1])
      .to.include(`${isoUtc(last?.at ?? 0)},${owner.userId},Harbor,done,market:apps:create`)
      .and.include(last?.requestId);
    expect(file.text).not.to.include(other.organizationId);
    // A cell that begins like a formula has an apostrophe before it; here the cell is the text of an object, and the name stays inside.
    expect(file.text).not.to.match(/(^|,|\r\n)"?[=+@]/);
    const long = await owner.get(`${PATH}.csv?from=2024-01-01&to=2026-01-01`);
    expect(long.status).to.equal(422);
    expect(long.text).to.include('at most 366 days');
    expect((await portal.visitor().get(`${PATH}.csv`)).status).to.be.oneOf([303, 401]);
  });

  it('keeps records as long as the organization says, a year at least; the choice is a record itself', async () => {
    expect((await owner.get(PATH)).text).to.match(/<option value="2" selected>2 years/);
    const press = async (years: string) => (await owner.post(`${PATH}/retention`, { years })).location;
    expect(await press('7')).to.equal(PATH);
    expect((await owner.get(PATH)).text)
      .to.match(/<option value="7" selected>7 years/)
      .and.include('Records are kept for 7 years.');
    expect(await newest(owner.organizationId)).to.deep.include({ action: 'market:audit:update', before: { keptYears: 2 }, after: { keptYears: 7 } });
    for (const years of ['0', '4', '-1', '', 'x']) await press(years);
    expect((await owner.get(PATH)).text).to.match(/<option value="7" selected>/);
  });

  it('has no route that edits or removes a record, for operators neither', async () => {
    const one = await newest(owner.organizationId);
    for (const path of [`${PATH}/${one?._id}`, `${PATH}/${one?._id}/deletion`, `${PATH}/deletion`, PATH])
      expect((await owner.post(path, { after: 'x' })).status, path).to.equal(404);
  });

  it('tells the administrators who was refused: a right, a password, a second factor', async () => {
    const { services } = portal.composition;
    const email = 'guest@example.test';
    const user = await services.accounts.registerMember({ email, password: PASSWORD, name: 'Guest' }, owner.organizationId, []);
    const guest = portal.visitor();
    for (let i = 0; i < 3; i += 1) await guest.post('/sign-in', { email, password: 'a wrong guess' });
    await guest.post('/sign-in', { email: 'nobody@example.test', password: 'a wrong guess' });
    await guest.post('/sign-in', { email, password: PASSWORD });
    for (let i = 0; i < 3; i += 1) expect((await guest.post('/gateways', { name: 'Mine', description: '' })).status).to.equal(403);
    const page = await owner.get(`${PATH}?outcome=refused`);
    const rows = rowsOf(page.text).map(plain);
    expect(rows).to.have.length(2);
    expect(rows[0])
      .to.include('Guest')
      .and.include('apig:instances:create')
      .and.include('refused')
      .and.match(/Refused [A-Z]/);
    expect(rows[1]).to.include('Not signed in').and.include('accounts:sign-in').and.include(`user:${user?._id}`).and.include('wrong password');
    expect(page.text).not.to.include('a wrong guess').and.not.include('nobody@example.test');
    const operators = await records('org_platform');
    expect(operators.map(({ resource, outcome }) => `${resource} ${outcome}`)).to.deep.equal(['user:unknown refused']);
    expect((await newest(owner.organizationId))?.outcome).to.equal('refused');
    const signedIn = (await records(owner.organizationId)).filter(({ action, outcome }) => action === 'accounts:sign-in' && outcome === 'done');
    expect(signedIn.map(({ userId }) => userId)).to.include(user?._id);
  });
});
