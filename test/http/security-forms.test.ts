import { request } from 'node:http';
import { expect } from 'chai';
import { multipart } from '../support/multipart.ts';
import { startPortal, PASSWORD, type Member, type Portal } from '../support/portal.ts';
import { listedRoutes } from '../support/routes.ts';

const POSTS = [...new Set(listedRoutes().flatMap(({ method, path }) => (method === 'post' ? [path] : [])))];
const GETS = [...new Set(listedRoutes().flatMap(({ method, path }) => (method === 'get' ? [path] : [])))];
const filled = (path: string): string => path.replace(/:[a-zA-Z]+/g, 'x_1');

describe('security of forms', function () {
  this.timeout(120_000);
  let portal: Portal;
  let person: Member;
  before(async () => {
    portal = await startPortal();
    person = await portal.member('Mallory');
  });
  after(() => portal.stop());

  const cookies = () => [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const raw = (path: string, body: string, headers: Record<string, string>, method = 'POST') =>
    fetch(new URL(path, portal.origin), {
      method,
      body,
      redirect: 'manual',
      headers: { accept: 'text/html', 'sec-fetch-site': 'same-origin', cookie: cookies(), ...headers },
    });

  it('refuses every form that comes from elsewhere, before it looks at anything (untrusted-origin)', async () => {
    expect(POSTS.length).to.be.greaterThan(45);
    const senders: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site', origin: portal.composition.config.webUrl },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': '', origin: 'https://evil.test' },
      { 'sec-fetch-site': '', origin: 'null' },
    ];
    for (const path of POSTS)
      for (const headers of senders) expect((await person.post(filled(path), {}, headers)).status, `${path} ${JSON.stringify(headers)}`).to.equal(403);
    // Without either header nobody knows where it came from.
    const bare = await new Promise<number>((resolve, reject) => {
      const { port } = new URL(portal.origin);
      request({ port, path: '/sign-out', method: 'POST', headers: { cookie: cookies(), 'content-length': '0' } }, (answer) =>
        resolve(answer.resume().statusCode ?? 0),
      )
        .on('error', reject)
        .end();
    });
    expect(bare).to.equal(403);
    expect((await person.get('/account')).status).to.equal(200);
  });

  it('is refused as a fault of the sender, never one of ours, whatever is sent to whichever form', async () => {
    const poison =
      '{"email":{"$ne":null},"password":{"$ne":null},"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"name":{"toString":1},"rev":{"$gt":0}}';
    const form = 'application/x-www-form-urlencoded';
    const bodies: [string, string][] = [
      [poison, 'application/json'],
      [poison, 'text/plain'],
      ['[1]', 'application/json'],
      [`${'['.repeat(50_000)}${']'.repeat(50_000)}`, 'application/json'],
      ['{"a":1e400,"b":9007199254740993', 'application/json'],
      ['email[$ne]=x&password[$ne]=x&name[toString]=1&__proto__[polluted]=yes&constructor[prototype][polluted]=yes&rev[$gt]=0', form],
      ['email=a&email=b&name=a&name=b&text=a&text=b&rev=a&rev=b&groupId=a&groupId=b&title=a&title=b&reason=a&reason=b&back=a&back=b&note=a&note=b', form],
      [`name=${'x'.repeat(50_000)}&email=${'@'.repeat(50_000)}&slug=${'-'.repeat(50_000)}&tags=${',a'.repeat(25_000)}&path=${'{'.repeat(50_000)}`, form],
      ['%=%&%ff=%zz', form],
      ['', form],
      ['+ADw-script+AD4-', `${form}; charset=utf-7`],
    ];
    for (const path of POSTS.filter((one) => one !== '/sign-out' && one !== '/organizations' && one !== '/gateways' && one !== '/account/sessions/revocation'))
      for (const [body, type] of bodies) {
        const { status } = await raw(filled(path), body, { 'content-type': type, ...(path === '/sign-in' && { 'x-forwarded-for': '192.0.2.1' }) });
        expect(status, `${path} ${type} ${body.slice(0, 60)}`).to.be.within(300, 499);
      }
    expect((Object.prototype as { polluted?: unknown }).polluted).to.equal(undefined);
  });

  it('takes operators of the database as text, and never as a sign-in', async () => {
    const stranger = { cookie: '' };
    for (const [body, type] of [
      [JSON.stringify({ email: { $ne: null }, password: { $ne: null } }), 'application/json'],
      [JSON.stringify({ email: person.email, password: PASSWORD }), 'application/json'],
      [`email[$ne]=x&password=${PASSWORD}`, 'application/x-www-form-urlencoded'],
      [`email=${person.email}&password[$ne]=x`, 'application/x-www-form-urlencoded'],
    ] as const) {
      const answer = await raw('/sign-in', body, { 'content-type': type, ...stranger });
      expect(answer.status, body).to.be.oneOf([400, 422]);
      expect(answer.headers.getSetCookie()).to.deep.equal([]);
    }
    const { services } = portal.composition;
    const gateway = await services.catalog.gateways.create(
      { kind: 'user', userId: person.userId, organizationId: person.organizationId, policies: ['Administrator'], address: '', requestId: '' },
      { name: 'Main', description: '' },
    );
    for (const query of ['group[$gt]=', 'group[$ne]=x', 'group=a&group=b']) {
      expect((await person.get(`/gateways/${gateway._id}/apis/new?${query}`)).status, query).to.equal(404);
    }
  });

  it('takes uploads whose fields pretend to be objects as malformed (invalid-request)', async () => {
    const actor = {
      kind: 'user',
      userId: person.userId,
      organizationId: person.organizationId,
      policies: ['Administrator'],
      address: '',
      requestId: '',
    } as const;
    const gateway = await portal.composition.services.catalog.gateways.create(actor, { name: 'Main', description: '' });
    const group = await portal.composition.services.catalog.groups.create(actor, gateway._id, { name: 'G', description: '', label: '' });
    const path = `/gateways/${gateway._id}/groups/${group._id}/imports`;
    for (const field of ['text[a]', 'text[__proto__][polluted]', 'origin[$ne]', '__proto__[polluted]', 'constructor[prototype][polluted]'])
      expect((await multipart(portal.origin, person, path, { [field]: 'yes' })).status, field).to.equal(400);
    expect((Object.prototype as { polluted?: unknown }).polluted).to.equal(undefined);
  });

  it('does not unpack a body to find out that it is too large', async () => {
    const { gzipSync } = await import('node:zlib');
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, 'a'));
    const answer = await fetch(new URL('/sign-in', portal.origin), {
      method: 'POST',
      body: bomb,
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-encoding': 'gzip', 'sec-fetch-site': 'same-origin' },
    });
    expect(answer.status).to.be.oneOf([400, 413]);
  });

  it('gives a method in a header or field no right, and HEAD no more than GET', async () => {
    const { organizationId } = person;
    for (const [path, headers] of [
      ['/organization?_method=POST', { 'x-http-method-override': 'POST' }],
      ['/sign-out?_method=POST', { 'x-method-override': 'POST' }],
    ] as const) {
      await person.get(path, headers);
      await fetch(new URL(path, portal.origin), { method: 'HEAD', headers: { ...headers, cookie: cookies() }, redirect: 'manual' });
    }
    expect((await person.get('/account')).status).to.equal(200);
    for (const method of ['PUT', 'PATCH', 'DELETE', 'QUERY', 'TRACE']) {
      const status = await new Promise<number>((resolve, reject) => {
        const { port } = new URL(portal.origin);
        request({ port, path: '/organization', method, headers: { cookie: cookies(), 'sec-fetch-site': 'same-origin' } }, (answer) =>
          resolve(answer.resume().statusCode ?? 0),
        )
          .on('error', reject)
          .end();
      });
      expect(status, method).to.be.within(400, 499);
    }
    const stranger = await fetch(new URL('/account', portal.origin), { method: 'HEAD', redirect: 'manual' });
    expect(stranger.status).to.be.oneOf([303, 401]);
    expect((await portal.composition.store.accounts.organization(organizationId))?.name).to.equal('Mallory & Co');
  });

  it('changes no row by fields that the form does not have: role, owner, status, price, id', async () => {
    const extra = { _id: 'usr_x', policies: 'Operator', kind: 'platform', ownerId: 'usr_x', organizationId: 'org_platform', status: 'listed', rev: '9' };
    for (const [path, fields] of [
      ['/account/profile', { name: 'Mallory' }],
      ['/organization', { name: 'Mallory Ltd' }],
      ['/organizations', { name: 'Another' }],
      ['/apps', { name: 'Mine', description: '', requestId: crypto.randomUUID() }],
      ['/gateways', { name: 'Mine', description: '' }],
      ['/organization/members', { email: 'x@example.test', policies: 'Developer' }],
    ] as const)
      for (const [name, value] of Object.entries(extra))
        expect((await person.post(path, { ...fields, [name]: value })).status, `${path} ${name}`).to.equal(422);
    for (const policies of ['Operator', 'Self', 'constructor', '__proto__', '*'])
      expect((await person.post('/organization/members', { email: 'x@example.test', policies })).status, policies).to.equal(422);
    // A role that only operators use opens nothing to somebody else's administrator.
    await portal.composition.store.accounts.setRights(person.organizationId, person.userId, { policies: ['Administrator', 'Operator'], groups: [] });
    expect((await person.get('/admin/periods')).status).to.equal(404);
    expect((await person.post('/admin/reviews/prd_x/approval', { rev: '1' })).status).to.equal(404);
  });

  it('keeps control characters and direction marks out of names: they would forge lines of mails and lists', async () => {
    for (const name of ['A\r\nBcc: victim@example.test', 'A\u0000B', 'A\u202Egnp.exe', 'A\u2028B'])
      expect((await person.post('/organization', { name })).status, JSON.stringify(name)).to.equal(422);
    for (const name of ['Zoë & Söhne', '株式会社', 'O’Neil']) expect((await person.post('/organization', { name })).status, name).to.equal(303);
  });
});

describe('security of pages', function () {
  this.timeout(120_000);
  let portal: Portal;
  let person: Member;
  before(async () => {
    portal = await startPortal();
    person = await portal.member('Reader');
  });
  after(() => portal.stop());

  it('send a strict policy, no sniffing, no framing and no cache with every answer, faults included', async () => {
    const paths = [...GETS.map(filled), '/nothing', '/%ff', '/%00', '/apis/..%2f..%2fpackage.json', '/assets/x/../../package.json', '/sandbox'];
    expect(paths.length).to.be.greaterThan(60);
    for (const path of paths) {
      const { headers, status } = await person.get(path);
      expect(status, path).to.be.below(500);
      const policy = headers.get('content-security-policy') ?? '';
      if (!path.endsWith('/logo') || status !== 200) {
        for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
          expect(policy, path).to.include(rule);
        expect(headers.get('cache-control'), path).to.include('no-store');
      }
      expect(policy, path).not.to.match(/unsafe|\*|http:\/\/(?!127\.0\.0\.1)/);
      expect(headers.get('x-content-type-options'), path).to.equal('nosniff');
      expect(headers.get('x-frame-options'), path).to.equal('SAMEORIGIN');
      expect(headers.get('referrer-policy'), path).to.equal('strict-origin-when-cross-origin');
      expect(headers.get('x-powered-by'), path).to.equal(null);
    }
  });

  it('read any query as text, and settings of the renderer from nowhere', async () => {
    const query =
      '?layout=../../package.json&settings[views]=/etc&cache=1&partials=x&_locals=x&page=1e9&page=-1&q[$gt]=&q=a&q=b&category[$ne]=x&sort=$where&sort=__proto__&filter=constructor.prototype&__proto__[x]=1&subscription[$ne]=x&from=9e99&to=-1&by=__proto__&calls=1e400&calls[]=1&group[$gt]=&only[]=x&next[]=//evil.test&checkout[$ne]=x&plan=__proto__&origin[]=x';
    for (const path of GETS.map(filled)) {
      const { status, text } = await person.get(path + query);
      expect(status, path).to.be.below(500);
      expect(text, path).not.to.include('"dependencies"').and.not.include('root:x:');
    }
    expect((Object.prototype as { x?: unknown }).x).to.equal(undefined);
  });

  it('have neither mailbox nor clock unless the sandbox is on', async () => {
    const live = await startPortal({ SANDBOX: '0' });
    try {
      const visitor = live.visitor();
      for (const path of ['/sandbox', '/sandbox/mails/mail_1']) expect((await visitor.get(path)).status, path).to.equal(404);
      expect((await visitor.post('/sandbox/clock', { advance: 'P1D' })).status).to.equal(404);
      for (const path of ['/sandbox/clock', '/sandbox/mail'])
        expect((await fetch(live.opsOrigin + path, { headers: { 'x-tollgate-sandbox': '1' } })).status, path).to.equal(404);
      expect((await visitor.get('/')).text).not.to.include('/sandbox');
    } finally {
      await live.stop();
    }
  });

  it('leave health and metrics to this machine, and the clock to who says the header', async () => {
    for (const path of ['/metrics', '/ready', '/live']) expect((await person.get(path)).status, path).to.equal(404);
    expect((await fetch(`${portal.opsOrigin}/sandbox/clock`)).status).to.equal(404);
    expect((await fetch(`${portal.opsOrigin}/sandbox/clock`, { headers: { 'x-tollgate-sandbox': '1' } })).status).to.equal(200);
  });
});
