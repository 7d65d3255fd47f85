import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';
import type { Visitor } from '../support/browserless.ts';
import { bearerClient } from '../support/api-client.ts';
import { PASSWORD, startPortal, type Member, type Portal } from '../support/portal.ts';

const run = promisify(execFile);

const unescaped = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&#x27;', "'").replaceAll('&#x3D;', '=').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

describe('pages of access keys', function () {
  this.timeout(120_000);
  let portal: Portal;
  let owner: Member;
  before(async () => {
    // The examples on the page must reach the portal under the address that it gives.
    portal = await startPortal();
    owner = await portal.member('Harbor');
  });
  after(() => portal.stop());
  afterEach(() => portal.composition.store.accessKeys.revokeAllOf(owner.organizationId, owner.userId, 1));

  const requestIdOn = (text: string): string => /name="requestId"[^>]*value="([^"]*)"/.exec(text)?.[1] ?? '';
  const secretOn = (text: string): string => /tg[tx]_[0-9A-Za-z]{20,}/.exec(text)?.[0] ?? '';
  const codeOn = (text: string): string[] => [...text.matchAll(/<pre[^>]*><code>([\s\S]*?)<\/code>/g)].map(([, code]) => unescaped(code ?? ''));
  async function make(person: Visitor, base: string, page: string, fields: Record<string, string> = {}) {
    const requestId = requestIdOn((await person.get(page)).text);
    return person.post(base, { kind: 'token', name: 'CI', life: '30', requestId, ...fields });
  }
  const own = (person: Visitor, fields: Record<string, string> = {}) => make(person, '/account/keys', '/account/keys', fields);
  const keyIdOn = (text: string): string => /data-key="(key_[0-9a-z]+)"/.exec(text)?.[1] ?? '';

  it('show a new token once, with requests that work as they stand', async () => {
    const made = await own(owner);
    expect([made.status, made.headers.get('cache-control')]).to.deep.equal([201, 'no-store']);
    const token = secretOn(made.text);
    const page = await owner.get('/account/keys');
    expect(page.text).to.contain('CI').and.not.to.contain(token);
    const here = (text: string) => text.replaceAll(portal.composition.config.webUrl, portal.origin);
    const [curl = '', node = ''] = codeOn(made.text).map(here);
    expect(JSON.parse((await run('bash', ['-c', curl])).stdout)).to.have.nested.property('organization.id', owner.organizationId);
    expect((await run(process.execPath, ['--input-type=module', '-e', node])).stdout).to.contain(owner.organizationId);
  });

  it('show an access key with its secret, and a request by the official SDK that works as it stands', async () => {
    const made = await own(owner, { kind: 'signature' });
    const [node = ''] = codeOn(made.text).map((text) => text.replaceAll(portal.composition.config.webUrl, portal.origin));
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', node], { cwd: projectRoot() });
    expect(stdout).to.contain(owner.organizationId);
    expect((await owner.get('/account/keys')).text).to.match(/tga_[0-9A-Za-z]{20,}/);
  });

  it('show a secret a second time to nobody: the same form again is refused', async () => {
    const requestId = requestIdOn((await owner.get('/account/keys')).text);
    const fields = { kind: 'token', name: 'Twice', life: '30', requestId };
    const [first, second] = [await owner.post('/account/keys', fields), await owner.post('/account/keys', fields)];
    expect([first.status, second.status]).to.deep.equal([201, 409]);
    expect(secretOn(second.text)).to.equal('');
    expect(second.text).to.contain('It cannot be shown again');
  });

  it('refuse bad entries beside their fields, and keep what was typed', async () => {
    for (const [fields, words] of [
      [{ life: '31' }, 'Choose one of the offered values.'],
      [{ kind: 'password' }, 'Choose one of the offered values.'],
      [{ name: 'x'.repeat(65) }, 'At most 64 characters fit.'],
    ] as const) {
      const answer = await own(owner, fields);
      expect(answer.status).to.equal(422);
      expect(answer.text).to.contain(words);
    }
    expect((await own(owner, { name: 'Kept words', life: 'x' })).text).to.contain('Kept words');
  });

  it('rotate a key with an overlap, and revoke it', async () => {
    const token = secretOn((await own(owner)).text);
    const id = keyIdOn((await owner.get('/account/keys')).text);
    const rotated = await owner.post(`/account/keys/${id}/rotation`, { overlap: '15m', requestId: crypto.randomUUID() });
    expect(rotated.status).to.equal(201);
    expect(rotated.text).to.contain('works until');
    const successor = secretOn(rotated.text);
    const status = async (one: string) => (await bearerClient(portal.origin, one).send('GET', '/me')).status;
    expect([await status(token), await status(successor)]).to.deep.equal([200, 200]);
    expect((await owner.get('/account/keys')).text).to.contain('replaced');
    expect((await owner.post(`/account/keys/${id}/revocation`)).location).to.equal('/account/keys');
    expect([await status(token), await status(successor)]).to.deep.equal([401, 200]);
    const after = await owner.get('/account/keys');
    expect(after.text).to.contain('is revoked').and.to.contain('that ended');
  });

  it('lead nobody to the keys of another person, nor of another organization', async () => {
    await own(owner);
    const id = keyIdOn((await owner.get('/account/keys')).text);
    const stranger = await portal.member('Stranger');
    for (const path of [`/account/keys/${id}/rotation`, `/account/keys/${id}/revocation`, `/organization/keys/${id}/revocation`]) {
      const fields = { overlap: 'now', requestId: crypto.randomUUID() };
      const [real, none] = [
        await stranger.post(path, path.endsWith('rotation') ? fields : {}),
        await stranger.post(path.replace(id, 'key_none'), path.endsWith('rotation') ? fields : {}),
      ];
      expect([real.status, none.status]).to.deep.equal([404, 404]);
    }
  });

  it('list every key of the organization with its holder, searched and narrowed', async () => {
    await own(owner, { name: 'Findable' });
    const answer = await owner.get('/organization/keys?q=findable');
    expect(answer.text).to.contain('Findable').and.to.contain(owner.email).and.to.contain('never');
    expect((await owner.get('/organization/keys?q=nothing+such')).text).to.contain('No key fits');
    expect((await owner.get('/organization/keys?state=ended&q=findable')).text).to.contain('No key fits');
    const stranger = await portal.member('Other');
    expect((await stranger.get('/organization/keys')).text).to.contain('No keys yet');
  });

  it('make a service account, its key, disable it and delete it', async () => {
    const made = await owner.post('/organization/service-accounts', { name: 'Deploys', purpose: 'Ships it', policies: ['Developer'] });
    const path = made.location ?? '';
    expect(path).to.match(/^\/organization\/service-accounts\/sva_/);
    const issued = await make(owner, `${path}/keys`, path);
    expect(issued.status).to.equal(201);
    const client = bearerClient(portal.origin, secretOn(issued.text));
    expect((await client.send('GET', '/apps')).status).to.equal(200);
    expect((await client.send('GET', '/invoices')).status).to.equal(403);
    expect((await owner.get('/organization/service-accounts')).text)
      .to.contain('Deploys')
      .and.to.contain('Ships it');
    await owner.post(`${path}/state`, { enabled: 'false' });
    expect((await client.send('GET', '/apps')).status).to.equal(401);
    expect((await owner.get(path)).text).to.contain('It is disabled');
    await owner.post(`${path}/state`, { enabled: 'true' });
    expect((await client.send('GET', '/apps')).status).to.equal(200);
    expect((await owner.post(`${path}/deletion`)).location).to.equal('/organization/service-accounts');
    expect((await client.send('GET', '/apps')).status).to.equal(401);
    expect((await owner.get(path)).status).to.equal(404);
    expect((await owner.get('/organization/audit')).text).to.contain('market:serviceAccounts:delete');
  });

  it('refuse a service account without a name, with a taken one, or saved over somebody else’s change', async () => {
    const fields = { name: 'Taken', purpose: '' };
    const path = (await owner.post('/organization/service-accounts', fields)).location ?? '';
    expect((await owner.post('/organization/service-accounts', { name: ' ', purpose: '' })).status).to.equal(422);
    const taken = await owner.post('/organization/service-accounts', { ...fields, name: 'TAKEN' });
    expect([taken.status, taken.text.includes('This name is taken')]).to.deep.equal([422, true]);
    expect((await owner.post('/organization/service-accounts', { ...fields, name: 'New', policies: ['Operator'] })).status).to.equal(422);
    expect((await owner.post(path, { ...fields, rev: '1', purpose: 'first' })).status).to.equal(303);
    const late = await owner.post(path, { ...fields, rev: '1', purpose: 'second' });
    expect([late.status, late.text.includes('Somebody else changed this service account')]).to.deep.equal([409, true]);
    expect(late.text).to.include('its purpose “first”, and it holds nothing').and.include('value="second"');
  });

  it('end a person’s keys with the membership', async () => {
    const email = 'leaver@example.test';
    await portal.composition.services.accounts.registerMember({ email, password: PASSWORD, name: 'Leaver' }, owner.organizationId, ['Developer']);
    const leaver = portal.visitor();
    await leaver.post('/sign-in', { email, password: PASSWORD });
    const client = bearerClient(portal.origin, secretOn((await own(leaver)).text));
    expect((await client.send('GET', '/apps')).status).to.equal(200);
    await leaver.post('/organization/leaving', { organizationId: owner.organizationId });
    expect((await client.send('GET', '/apps')).status).to.equal(401);
    const [key] = (await portal.composition.services.accessKeys.list({ ...asOwner() })).filter(({ holder }) => holder.email === email);
    expect(key?.state).to.equal('revoked');
  });
  const asOwner = () =>
    ({ kind: 'user', userId: owner.userId, organizationId: owner.organizationId, policies: ['Administrator'], address: '', requestId: 'req_1' }) as const;
});
