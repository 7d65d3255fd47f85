import { expect } from 'chai';
import type { Actor } from '../../server/domain/actor.ts';
import { definition, productFields } from '../support/catalog-world.ts';
import { startPortal, type Member, type Portal } from '../support/portal.ts';

const MOCK = { backend: { kind: 'mock', status: 200, headers: [], body: '{}' } } as const;
const document = (...Statement: object[]) => JSON.stringify({ Version: '1.1', Statement });
const allow = (Action: string[], more: object = {}) => ({ Effect: 'Allow', Action, ...more });

describe('rights over HTTP', function () {
  this.timeout(120_000);
  let portal: Portal;
  let owner: Member;
  before(async () => {
    portal = await startPortal();
    owner = await portal.member('Harbor');
  });
  after(() => portal.stop());

  const idOf = (location: string | null) => location?.split('/').at(-1) ?? '';
  const asOwner = (): Actor => ({
    kind: 'user',
    userId: owner.userId,
    organizationId: owner.organizationId,
    policies: ['Administrator'],
    address: '127.0.0.1',
    requestId: 'req_rights',
  });
  const policy = async (name: string, text: string): Promise<string> => {
    const answer = await owner.post('/organization/policies', { editor: 'json', name, description: '', text });
    expect(answer.status, answer.text).to.equal(303);
    return idOf(answer.location);
  };
  const linkTo = async (email: string): Promise<string> => {
    const mail = (await portal.composition.store.mails.sentTo(email, 0, Number.MAX_SAFE_INTEGER)).at(-1);
    return new URL(/https?:\/\/\S+/.exec(mail?.text ?? '')?.[0] ?? '').pathname;
  };
  /** Invite a person with an account; he joins and acts for the owner's organization. */
  const joined = async (name: string, held: { policies?: string[]; groups?: string[] }): Promise<Member> => {
    const person = await portal.member(name);
    expect((await owner.post('/organization/members', { email: person.email, policies: held.policies ?? [], groups: held.groups ?? [] })).status).to.equal(303);
    expect((await person.post(await linkTo(person.email))).location).to.equal('/dashboard');
    return person;
  };

  it('lets a developer keep keys and a colleague see bills, refuses each elsewhere, and names the statement that decides', async () => {
    const keys = await policy('Keys only', document(allow(['market:apps:*', 'market:credentials:*']), { Effect: 'Deny', Action: ['market:apps:delete'] }));
    const developer = await joined('Dora', { policies: [keys] });
    const group = idOf((await owner.post('/organization/groups', { name: 'Bookkeepers', description: '', policies: ['Billing'] })).location);
    const colleague = await joined('Carl', { groups: [group] });

    const app = await developer.post('/apps', { name: 'Map', description: '', requestId: crypto.randomUUID() });
    expect(app.status, app.text).to.equal(303);
    const address = app.location ?? '';
    expect((await developer.get(address)).status).to.equal(200);
    const removal = await developer.post(`${address}/removal`, { confirmation: 'Map' });
    expect(removal.status).to.equal(403);
    expect(removal.text).to.include('Statement 2 of the policy “Keys only” denies “market:apps:delete” here.').and.not.include('>Why?<');
    for (const path of ['/invoices', '/organization/members', '/organization/policies', '/organization/groups', '/organization/audit', '/gateways']) {
      const answer = await developer.get(path);
      expect([path, answer.status]).to.deep.equal([path, 403]);
      expect(answer.text).to.include('none of the policies held speaks of it');
    }
    expect((await developer.get('/dashboard')).location, 'the first page that is open').to.equal('/apps');
    const navigation = (await developer.get('/apps')).text;
    expect(navigation).to.include('href="/apps"').and.not.include('href="/invoices"').and.not.include('href="/organization/policies"');

    expect((await colleague.get('/invoices')).status).to.equal(200);
    expect((await colleague.get('/subscriptions')).status).to.equal(200);
    for (const path of ['/organization/members', '/gateways', '/products']) expect((await colleague.get(path)).status, path).to.equal(403);
    expect((await colleague.post('/apps', { name: 'Mine', description: '', requestId: crypto.randomUUID() })).status).to.equal(403);

    expect((await owner.post(`/organization/groups/${group}/members/removal`, { userId: colleague.userId })).status).to.equal(303);
    expect((await colleague.get('/invoices')).status, 'out of the group, out of its rights').to.equal(403);
    const page = (await owner.get('/organization/members')).text;
    expect(page).to.include('Keys only').and.include('data-name="rights-matrix"');
  });

  it('gives whoever may see policies the reasons of a refusal, by a link that asks the same question', async () => {
    const reader = await joined('Rita', { policies: ['ReadOnlyAccess'] });
    const refused = await reader.post('/organization/groups', { name: 'x', description: '' });
    expect(refused.status).to.equal(403);
    const why = (/href="(\/organization\/policies\/simulator\?[^"]*)"/.exec(refused.text)?.[1] ?? '').replaceAll('&amp;', '&').replaceAll('&#x3D;', '=');
    const answer = await reader.get(why);
    expect(answer.status).to.equal(200);
    expect(answer.text).to.include('data-allowed="no"').and.include('Nothing allows “market:userGroups:create” here');
  });

  it('simulates by address and time, and sets off the statement that decides', async () => {
    const id = await policy(
      'From the office',
      document(
        allow(['market:apps:get']),
        allow(['market:usage:get'], {
          Condition: { IpAddress: { 'g:SourceIp': ['10.0.0.0/8'] }, DateLessThan: { 'g:CurrentTime': ['2030-01-01T00:00:00Z'] } },
        }),
      ),
    );
    const person = await joined('Sam', { policies: [id] });
    const ask = (address: string, at: string) =>
      owner.get(`/organization/policies/simulator?${new URLSearchParams({ user: person.userId, action: 'market:usage:get', address, at }).toString()}`);
    const inside = await ask('10.1.2.3', '2029-06-01T00:00:00Z');
    expect(inside.text).to.include('data-allowed="yes"').and.include('Statement 2 of the policy “From the office” allows');
    expect(/<mark[^>]*>([\s\S]*?)<\/mark>/.exec(inside.text)?.[1])
      .to.include('market:usage:get')
      .and.not.include('market:apps:get');
    expect((await ask('11.1.2.3', '2029-06-01T00:00:00Z')).text).to.include('data-allowed="no"');
    expect((await ask('10.1.2.3', '2030-06-01T00:00:00Z')).text).to.include('data-allowed="no"');
    const wrong = await ask('nowhere', 'tomorrow');
    expect(wrong.status).to.equal(422);
    expect(wrong.text).to.include('value="nowhere"').and.include('This is no network address.');
    expect((await owner.get(`/organization/policies/simulator?user=usr_x&action=platform:nodes:get`)).status).to.equal(422);
  });

  it('shows policies, groups and members of others as missing (not-found)', async () => {
    const other = await portal.member('Other');
    const made = await other.post('/organization/policies', { editor: 'json', name: 'Theirs', description: '', text: document(allow(['apig:*'])) });
    const theirs = idOf(made.location);
    const theirGroup = idOf((await other.post('/organization/groups', { name: 'Theirs', description: '' })).location);
    for (const path of [
      `/organization/policies/${theirs}`,
      `/organization/policies/${theirs}/edit`,
      `/organization/groups/${theirGroup}`,
      `/organization/members/${other.userId}`,
      '/organization/policies/new?from=' + theirs,
      '/organization/policies/Self',
    ])
      expect((await owner.get(path)).status, path).to.equal(404);
    expect((await owner.post(`/organization/policies/${theirs}/deletion`)).status).to.equal(404);
    expect((await owner.post(`/organization/groups/${theirGroup}/members`, { userId: owner.userId })).status).to.equal(404);
    expect((await owner.post(`/organization/members/${other.userId}`, { rev: '1', policies: 'Billing' })).status).to.equal(404);
    const invited = await owner.post('/organization/members', { email: 'x@example.test', policies: theirs });
    expect([invited.status, invited.text.includes('There is no policy')]).to.deep.equal([422, true]);
    expect((await owner.post('/organization/members', { email: 'x@example.test', groups: theirGroup })).status).to.equal(422);
  });

  it('lets one of two writers win and keeps what the other typed (conflict)', async () => {
    const id = await policy('Shared', document(allow(['apig:*'])));
    const form = { editor: 'json', name: 'Shared', rev: '1' };
    expect((await owner.post(`/organization/policies/${id}`, { ...form, description: 'first', text: document(allow(['market:*'])) })).status).to.equal(303);
    const second = await owner.post(`/organization/policies/${id}`, { ...form, description: 'second', text: document(allow(['market:usage:get'])) });
    expect(second.status).to.equal(409);
    expect(second.text)
      .to.include('Somebody else changed this policy')
      .and.include('Now: its name is “Shared”, and its document {&quot;Version&quot;')
      .and.include('value="second"')
      .and.include('market:usage:get')
      .and.include('name="rev" value="2"');
    expect((await portal.composition.store.access.policy(id))?.description).to.equal('first');

    const group = idOf((await owner.post('/organization/groups', { name: 'Shared', description: '' })).location);
    expect((await owner.post(`/organization/groups/${group}`, { name: 'Shared', description: 'first', rev: '1' })).status).to.equal(303);
    const late = await owner.post(`/organization/groups/${group}`, { name: 'Shared', description: 'second', policies: 'Billing', rev: '1' });
    expect([late.status, late.text.includes('Somebody else changed this group'), late.text.includes('value="second"')]).to.deep.equal([409, true, true]);
    expect(late.text).to.include('Now: its name is “Shared”, its description “first”, and it holds nothing').and.include('name="rev" value="2"');
  });

  it('lets one of several at once win, on policies, groups and members alike; each other is told, and one record is written', async () => {
    const { store } = portal.composition;
    const policyId = await policy('Raced', document(allow(['apig:*'])));
    const groupId = idOf((await owner.post('/organization/groups', { name: 'Raced', description: '' })).location);
    const guest = await joined('Racer', { policies: ['Billing'] });
    const texts = ['market:usage:get', 'market:apps:get', 'market:invoices:get', 'market:audit:get'];
    const races = [
      [
        `/organization/policies/${policyId}`,
        (i: number) => ({ editor: 'json', name: 'Raced', rev: '1', description: `d${i}`, text: document(allow([texts[i] ?? ''])) }),
      ],
      [`/organization/groups/${groupId}`, (i: number) => ({ name: 'Raced', description: `d${i}`, rev: '1' })],
      [`/organization/members/${guest.userId}`, (i: number) => ({ rev: '1', policies: ['Developer', 'Billing', 'FullAccess', 'ReadOnlyAccess'][i] ?? '' })],
    ] as const;
    const changes = async (): Promise<number> =>
      (await store.audit.ofOrganization(owner.organizationId, 0, Number.MAX_SAFE_INTEGER)).filter(({ outcome }) => outcome === 'done').length;
    for (const [path, fields] of races) {
      const before = await changes();
      const answers = await Promise.all([0, 1, 2, 3].map((i) => owner.post(path, fields(i))));
      expect(answers.map(({ status }) => status).sort(), path).to.deep.equal([303, 409, 409, 409]);
      for (const { status, text } of answers) if (status === 409) expect(text, path).to.include('Somebody else changed').and.include('name="rev" value="2"');
      expect(await changes(), path).to.equal(before + 1);
    }
    const [policyNow, groupNow, memberNow] = await Promise.all([
      store.access.policy(policyId),
      store.access.group(groupId),
      store.accounts.membership(owner.organizationId, guest.userId),
    ]);
    expect([policyNow?.rev, groupNow?.rev, memberNow?.rev]).to.deep.equal([2, 2, 2]);
  });

  it('never leaves an organization without an administrator: whoever is the last one is its owner, and stays (invalid-form, conflict)', async () => {
    const { accounts } = portal.composition.store;
    const boss = await portal.member('Sole');
    const own = `/organization/members/${boss.userId}`;
    const page = (await boss.get(own)).text;
    const rev = /name="rev"[^>]*value="([^"]*)"/.exec(page)?.[1] ?? '';
    expect(page, 'no button for it').to.not.include(`action="${own}/removal"`);
    const stripped = await boss.post(own, { rev, policies: 'Billing' });
    expect([stripped.status, stripped.text.includes('The owner is always administrator')]).to.deep.equal([422, true]);
    await boss.post(`${own}/removal`);
    expect((await boss.get('/organization/members')).text).to.include('The owner cannot leave');
    // Another administrator may go, give the right up, or send the other away: the owner always remains; also when all of it happens at once.
    const second = await portal.member('Second');
    await boss.post('/organization/members', { email: second.email, policies: ['Administrator'] });
    await second.post(await linkTo(second.email));
    const [away, , left] = await Promise.all([
      second.post(`/organization/members/${boss.userId}/removal`),
      second.post(`/organization/members/${second.userId}`, { rev: '1', policies: 'Billing' }),
      second.post('/organization/leaving', { organizationId: boss.organizationId }),
    ]);
    expect([away.status, left.status].every((status) => status === 303 || status === 403 || status === 404 || status === 409)).to.equal(true);
    expect((await accounts.organization(boss.organizationId))?.ownerId).to.equal(boss.userId);
    expect((await accounts.membership(boss.organizationId, boss.userId))?.policies).to.include('Administrator');
    expect((await boss.get('/organization/members')).status).to.equal(200);
  });

  it('keeps a policy that is held, says who holds it, and deletes it when nobody does', async () => {
    const id = await policy('Held', document(allow(['market:usage:get'])));
    const holder = await joined('Hans', { policies: [id] });
    expect((await owner.get(`/organization/policies/${id}`)).text)
      .to.include('It cannot be deleted while somebody holds it')
      .and.include('Hans');
    expect((await owner.post(`/organization/policies/${id}/deletion`)).location).to.equal(`/organization/policies/${id}`);
    expect((await owner.get(`/organization/policies/${id}`)).text).to.include('held by 1 member');
    await owner.post(`/organization/members/${holder.userId}`, { rev: '1' });
    expect((await owner.post(`/organization/policies/${id}/deletion`)).location).to.equal('/organization/policies');
    expect((await owner.get(`/organization/policies/${id}`)).status).to.equal(404);
  });

  describe('the editors', () => {
    it('refuse what cannot work at the statement at fault, with its line, and keep what was typed (invalid-form)', async () => {
      const text =
        '{\n "Version": "1.1",\n "Statement": [\n  {"Effect": "Allow", "Action": ["apig:*"]},\n  {"Effect": "Allow", "Action": ["market:nothing:get"]}\n ]\n}';
      const json = await owner.post('/organization/policies', { editor: 'json', name: 'Broken', description: 'kept', text });
      expect(json.status).to.equal(422);
      expect(json.text).to.include('Statement 2, line 5').and.include('No action is called').and.include('market:nothing:get').and.include('value="kept"');
      const visual = await owner.post('/organization/policies', {
        editor: 'visual',
        name: 'Broken',
        description: 'kept',
        's0-effect': 'Allow',
        's0-action': 'apig:*',
        's1-effect': 'Deny',
        's1-action': ['market:apps:get'],
        's1-resources': 'gateway:gw_1',
        's1-c0-operator': 'IpAddress',
        's1-c0-values': 'the office',
      });
      expect(visual.status).to.equal(422);
      const [, first = '', second = ''] = visual.text.split('data-name="statement"');
      expect(first).to.not.include('statement-faults');
      expect(second).to.include('None of the actions is done to gateways').and.include('“the office” is no address').and.include('>\nthe office</textarea>');
      const broken = await owner.post('/organization/policies', {
        editor: 'json',
        name: 'Broken',
        description: '',
        text: '{\n"Version": "1.1",\n"Statement": oops',
      });
      expect([broken.status, /line 3: This is not JSON/.test(broken.text)]).to.deep.equal([422, true]);
      expect(
        (await owner.post('/organization/policies', { editor: 'json', name: 'Developer', description: '', text: document(allow(['apig:*'])) })).text,
      ).to.include('A preset has this name.');
      expect((await owner.post('/organization/policies', { editor: 'json', name: 'X', description: '', text, organizationId: 'org_x' })).status).to.equal(422);
    });

    it('hand the whole document to each other, and refuse to lose any of it', async () => {
      const statement = allow(['apig:*:get', 'market:apps:*', 'apig:a*:get'], {
        Resource: ['gateway:gw_1/group:grp_2'],
        Condition: { StringMatch: { 'g:ResourceTag/env': ['prod*', 'test'] }, NotIpAddress: { 'g:SourceIp': ['10.0.0.0/8'] } },
      });
      const text = document(statement, { Effect: 'Deny', Action: ['market:members:*'] });
      const visual = await owner.post('/organization/policies', { editor: 'json', press: 'visual', name: 'N', description: '', text });
      expect([visual.status, visual.text.split('data-name="statement"').length - 1]).to.deep.equal([200, 2]);
      const fields = formOf(visual.text);
      expect(fields['s0-c0-tag'], 'the tag').to.deep.equal(['env']);
      const back = await owner.post('/organization/policies', { ...fields, press: 'json' });
      const written = /<textarea id="text"[^>]*>\n([\s\S]*?)<\/textarea>/.exec(back.text)?.[1] ?? '';
      expect(JSON.parse(unescaped(written))).to.deep.equal(JSON.parse(text));
      const odd = await owner.post('/organization/policies', {
        editor: 'json',
        press: 'visual',
        name: 'N',
        description: '',
        text: document({ ...statement, Note: 'mine' }),
      });
      expect([odd.status, odd.text.includes('Note') && odd.text.includes('is not known here')]).to.deep.equal([422, true]);
    });

    it('add and remove statements and conditions by buttons, keeping the rest', async () => {
      const press = (press: string, fields: Record<string, string | string[]>) =>
        owner.post('/organization/policies', { editor: 'visual', name: 'N', description: '', ...fields, press });
      const one = { 's0-effect': 'Deny', 's0-action': ['market:apps:get'], 's0-actions': 'apig:*' };
      const two = formOf((await press('add', one)).text);
      expect([two['s0-effect'], two['s0-action'], two['s1-effect']]).to.deep.equal([['Deny'], ['market:apps:get'], ['Allow']]);
      const three = formOf((await press('condition-1', two)).text);
      expect(three).to.have.property('s1-c0-operator');
      expect(formOf((await press('uncondition-1-0', three)).text)).to.not.have.property('s1-c0-operator');
      const left = formOf((await press('remove-0', two)).text);
      expect([left['s0-effect'], left['s0-action']]).to.deep.equal([['Allow'], undefined]);
    });
  });

  it('limits by gateway and product: lists hold only what may be seen, single things look missing (not-found)', async () => {
    const { catalog } = portal.composition.services;
    const actor = asOwner();
    const gateways = [];
    for (const name of ['Open', 'Closed']) {
      const gateway = await catalog.gateways.create(actor, { name: `Gate ${name}`, description: '' });
      const group = await catalog.groups.create(actor, gateway._id, { name: `Group ${name}`, description: '', label: '' });
      const api = await catalog.apis.create(actor, gateway._id, group._id, definition('/x', MOCK));
      const product = await catalog.products.create(actor, group._id, [api._id], productFields({ slug: name.toLowerCase(), name: `Product ${name}` }));
      gateways.push({ gateway: gateway._id, group: group._id, api: api._id, product: product._id });
    }
    const [open, closed] = gateways as [(typeof gateways)[number], (typeof gateways)[number]];
    const id = await policy(
      'One gateway',
      document(
        allow(['apig:*:get', 'apig:groups:update'], { Resource: [`gateway:${open.gateway}`] }),
        allow(['market:products:get'], { Resource: [`product:${open.product}`] }),
      ),
    );
    const person = await joined('Gil', { policies: [id] });
    const lists = `${(await person.get('/gateways')).text}${(await person.get('/products')).text}`;
    expect(lists).to.include('Gate Open').and.include('Product Open').and.not.include('Gate Closed').and.not.include('Product Closed');
    expect((await person.get(`/gateways/${open.gateway}/apis/${open.api}`)).status).to.equal(200);
    for (const path of [
      `/gateways/${closed.gateway}/groups`,
      `/gateways/${closed.gateway}/apis/${closed.api}`,
      `/gateways/${open.gateway}/apis/${closed.api}`,
      `/products/${closed.product}`,
    ])
      expect((await person.get(path)).status, path).to.equal(404);
    const refused = await person.post(`/gateways/${open.gateway}/groups/${open.group}/deletion`);
    expect(refused.status).to.equal(403);
    expect(refused.text).to.include('Nothing allows “apig:groups:delete”');
    expect((await person.get(`/organization/policies/${id}`)).status).to.equal(403);
  });

  it('limits by the tags of a gateway: lists hold those that carry them, others look missing (not-found)', async () => {
    const { catalog } = portal.composition.services;
    const made = [];
    for (const [name, value] of [
      ['Gate Maps', 'maps'],
      ['Gate Cards', 'cards'],
    ] as const) {
      const { _id } = await catalog.gateways.create(asOwner(), { name, description: '' });
      const stored = await portal.composition.store.gateways.gateway(_id);
      await portal.composition.store.gateways.updateGateway(_id, stored?.rev ?? 0, { tags: [{ key: 'team', value }] });
      made.push(_id);
    }
    const id = await policy('Team maps', document(allow(['apig:*'], { Condition: { StringEquals: { 'g:ResourceTag/team': ['maps'] } } })));
    const person = await joined('Tilda', { policies: [id] });
    const list = (await person.get('/gateways')).text;
    expect(list).to.include('Gate Maps').and.not.include('Gate Cards');
    expect((await person.get(`/gateways/${made[0]}/groups`)).status).to.equal(200);
    expect((await person.get(`/gateways/${made[1]}/groups`)).status).to.equal(404);
    expect((await person.get('/gateways/new')).status).to.equal(403);
  });

  it('sends invitations again and withdraws them; the old link is dead (not-found)', async () => {
    const guest = await portal.member('Gast');
    await owner.post('/organization/members', { email: guest.email, policies: ['Billing'] });
    const first = await linkTo(guest.email);
    const row = (await portal.composition.store.accounts.tokensOfOrganization(owner.organizationId)).find(
      ({ email, usedAt }) => email === guest.email && usedAt === null,
    );
    expect((await owner.post(`/organization/invitations/${row?._id}/renewal`)).status).to.equal(303);
    const second = await linkTo(guest.email);
    expect(second).to.not.equal(first);
    expect((await guest.get(first)).status).to.equal(404);
    expect((await guest.get(second)).text).to.include('Billing');
    const now = (await portal.composition.store.accounts.tokensOfOrganization(owner.organizationId)).find(
      ({ email, usedAt }) => email === guest.email && usedAt === null,
    );
    await owner.post(`/organization/invitations/${now?._id}/removal`);
    expect((await guest.post(second)).status).to.equal(404);
  });

  it('transfers the ownership by the owner’s word alone, lets members leave, and not the owner', async () => {
    const boss = await portal.member('Boss');
    const heir = await portal.member('Heir');
    await boss.post('/organization/members', { email: heir.email, policies: ['Administrator'] });
    await heir.post(await linkTo(heir.email));
    expect((await heir.post(`/organization/members/${heir.userId}/transfer`, { name: 'Boss & Co' })).status, 'an administrator is no owner').to.equal(403);
    expect((await boss.post(`/organization/members/${heir.userId}/transfer`, { name: 'boss' })).text).to.include('This is not the name of the organization.');
    await boss.post('/organization/leaving', { organizationId: boss.organizationId });
    expect((await boss.get('/organization')).text, 'the owner cannot leave').to.include('Boss &amp; Co');
    expect((await boss.post(`/organization/members/${heir.userId}/transfer`, { name: 'Boss & Co' })).status).to.equal(303);
    expect((await boss.get('/organization/members')).status, 'still administrator').to.equal(200);
    expect((await heir.post(`/organization/members/${boss.userId}/removal`)).status).to.equal(303);
    expect((await boss.get('/organization/members')).status, 'at once').to.be.oneOf([403, 404]);
    expect((await portal.composition.store.accounts.organization(boss.organizationId))?.ownerId).to.equal(heir.userId);
    const friend = await portal.member('Friend');
    await heir.post('/organization/members', { email: friend.email });
    await friend.post(await linkTo(friend.email));
    expect((await friend.post('/organization/leaving', { organizationId: friend.organizationId })).status, 'another one than acted for').to.equal(409);
    expect((await friend.post('/organization/leaving', { organizationId: boss.organizationId })).location).to.equal('/dashboard');
    expect(await portal.composition.store.accounts.membership(boss.organizationId, friend.userId)).to.equal(null);
  });
});

const unescaped = (html: string): string =>
  html
    .replace(/&#x([0-9A-F]+);/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

/** What a browser would send of the policy's form, without its buttons. */
function formOf(html: string): Record<string, string[]> {
  const form = /<form[^>]*data-name="policy"[\s\S]*?<\/form>/.exec(html)?.[0] ?? '';
  const fields: Record<string, string[]> = {};
  const add = (name: string, value: string) => (fields[name] ??= []).push(unescaped(value));
  const attribute = (tag: string, name: string) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? '';
  for (const [tag] of form.matchAll(/<input[^>]*>/g))
    if (!/type="(radio|checkbox)"/.test(tag) || tag.includes(' checked')) add(attribute(tag, 'name'), attribute(tag, 'value'));
  for (const [, tag = '', value = ''] of form.matchAll(/<textarea([^>]*)>\n?([\s\S]*?)<\/textarea>/g)) add(attribute(tag, 'name'), value);
  for (const [, tag = '', options = ''] of form.matchAll(/<select([^>]*)>([\s\S]*?)<\/select>/g))
    add(attribute(tag, 'name'), / value="([^"]*)" selected/.exec(options)?.[1] ?? '');
  return fields;
}
