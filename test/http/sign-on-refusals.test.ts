import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Answer, Visitor } from '../support/browserless.ts';
import { CLIENT, rsa, token, type Forger, type Person } from '../support/issuer.ts';
import { startPortal } from '../support/portal.ts';
import { startSignOnWorld, type SignOnWorld } from '../support/sign-on.ts';

const HOME = '/organization/single-sign-on';

describe('what comes back from an issuer', () => {
  let world: SignOnWorld;
  let owner: Visitor & { readonly domain: string; readonly organizationId: string };
  let ann: Person & { readonly email: string };
  before(async () => {
    world = await startSignOnWorld();
    owner = await world.organization('Wary', { admits: 'true' });
    ann = { sub: 'ann', email: `ann@${owner.domain}`, email_verified: true, name: 'Ann' };
  });
  after(() => world.stop());

  const isSignedIn = async (person: Visitor) => (await person.get('/account')).status === 200;
  /** The page says why, leads back to the beginning, and nobody is signed in. */
  async function expectRefused(person: Visitor, answer: Answer, words: string): Promise<void> {
    expect(answer.text, words).to.include('Single sign-on did not work').and.include(words).and.include('href="/sign-in/sso"');
    expect(answer.status).to.equal(401); // single-sign-on-failed
    expect(await isSignedIn(person)).to.equal(false);
  }
  async function begun() {
    const person = world.portal.visitor();
    const { address } = await world.depart(person, ann.email);
    return { person, address, back: await world.issuer.walk(address, ann) };
  }

  const UNVERIFIED = 'could not be verified, so nobody was signed in';
  const forgers: Record<string, Forger> = {
    'signed by nobody': (claims, header) => token(claims, header, null),
    'signed by another key': (claims, header) => token(claims, header, rsa()),
    'signed with the client’s secret': (claims, header) => token(claims, header, CLIENT.secret),
    'for another client': (claims, header) => token({ ...claims, aud: 'another' }, header, world.issuer.key),
    'of another issuer': (claims, header) => token({ ...claims, iss: 'https://login.example.com' }, header, world.issuer.key),
    'with another nonce': (claims, header) => token({ ...claims, nonce: 'another' }, header, world.issuer.key),
    'without a nonce': ({ nonce: _, ...claims }, header) => token(claims, header, world.issuer.key),
    'that has expired': (claims, header) =>
      token({ ...claims, iat: Number(claims['iat']) - 7_200, exp: Number(claims['iat']) - 3_600 }, header, world.issuer.key),
    'about somebody else than the address': (claims, header) => token({ ...claims, sub: 'somebody else' }, header, world.issuer.key),
    'changed after it was signed': (claims, header) => {
      const [head, , signature] = token(claims, header, world.issuer.key).split('.');
      return [head, Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url'), signature].join('.');
    },
  };
  for (const [what, forger] of Object.entries(forgers)) {
    it(`is refused: a token ${what}`, async () => {
      const { person, back } = await begun();
      world.issuer.forge(forger);
      const answer = await person.get(back);
      world.issuer.forge(null);
      await expectRefused(person, answer, UNVERIFIED);
    });
  }

  it('is taken when the token is right, and once: not again, not in another browser, not with another state', async () => {
    const { person, back } = await begun();
    const stranger = world.portal.visitor();
    await expectRefused(stranger, await stranger.get(back), 'not begun in this browser');
    const other = await begun();
    await expectRefused(other.person, await other.person.get(back), 'not begun in this browser');
    const copy = { cookie: [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const many = await Promise.all(Array.from({ length: 4 }, () => world.portal.visitor().get(back, copy)));
    expect(many.filter(({ location }) => location === '/apps')).to.have.length(1);
    for (const { status, text } of many.filter(({ location }) => location !== '/apps')) {
      expect(status).to.equal(401);
      expect(text).to.match(/was used already|not begun in this browser/);
    }
    const signedIn = await begun();
    expect((await signedIn.person.get(signedIn.back)).location).to.equal('/apps');
    const again = await signedIn.person.get(signedIn.back);
    expect(again.status).to.equal(401);
    expect(again.text).to.include('You are signed in already');
  });

  it('is refused when another issuer answers, when none is named, or when the issuer says no', async () => {
    const mixed = await begun();
    const named = mixed.back.replace(/iss=[^&]*/, `iss=${encodeURIComponent('https://login.example.com')}`);
    await expectRefused(mixed.person, await mixed.person.get(named), 'came from another issuer');
    const unnamed = await begun();
    await expectRefused(unnamed.person, await unnamed.person.get(unnamed.back.replace(/&?iss=[^&]*/, '')), UNVERIFIED);
    world.issuer.refuse('access_denied', 'Ann <b>may</b> not');
    const denied = await begun();
    world.issuer.refuse(null);
    await expectRefused(denied.person, await denied.person.get(denied.back), 'It says: access_denied, Ann &lt;b&gt;may&lt;/b&gt; not');
    const wrongCode = await begun();
    await expectRefused(wrongCode.person, await wrongCode.person.get(wrongCode.back.replace(/code=[^&]*/, 'code=another')), 'refused to tell us who you are');
    const person = world.portal.visitor();
    for (const query of ['', '?state=', '?code=x', `?state=${'x'.repeat(9_000)}`])
      expect((await person.get(`/sign-in/sso/callback${query}`)).status, query.slice(0, 20)).to.be.oneOf([400, 401]);
  });

  it('is refused when it comes too late, or when the organization has changed its issuer meanwhile', async () => {
    const { signOnFlow } = world.portal.composition.services;
    const actor = { kind: 'user', userId: '', organizationId: '', policies: [], address: '', requestId: 'req_test' } as const;
    const { departure, address } = await signOnFlow.depart(ann.email, '/apps');
    const query = new URL(await world.issuer.walk(address, ann), 'http://localhost').search;
    const late = await signOnFlow.arrive(actor, { ...departure, until: 1 }, query).catch((error: unknown) => error);
    expect(late).to.have.property('detail').that.includes('took too long');
    const moved = await signOnFlow.arrive(actor, { ...departure, issuer: 'https://login.example.com' }, query).catch((error: unknown) => error);
    expect(moved).to.have.property('detail').that.includes('changed its single sign-on meanwhile');
  });

  it('is told plainly while the issuer is away, before and after', async () => {
    const { person, back } = await begun();
    world.issuer.away();
    const before = world.portal.visitor();
    await expectRefused(before, (await world.depart(before, ann.email)).answer, 'does not answer as an OpenID issuer should');
    await expectRefused(person, await person.get(back), 'does not answer as an OpenID issuer should');
    world.issuer.back();
    expect((await world.signIn(world.portal.visitor(), ann)).location).to.equal('/apps');
  });

  it('is verified with the keys that the issuer has now', async () => {
    const { person, back } = await begun();
    const before = world.issuer.key;
    world.issuer.rotate();
    expect((await person.get(back)).location).to.equal('/apps');
    const resigned = await begun();
    world.issuer.forge((claims, header) => token(claims, header, world.issuer.key));
    expect((await resigned.person.get(resigned.back)).location, 'what the forgers make is right but for what they change').to.equal('/apps');
    const old = await begun();
    world.issuer.forge((claims, header) => token(claims, { ...header, kid: 'k1' }, before));
    const answer = await old.person.get(old.back);
    world.issuer.forge(null);
    await expectRefused(old.person, answer, UNVERIFIED);
  });
});

describe('an issuer that means harm', () => {
  /** Answers every request with what it is told to. */
  async function rawIssuer(answer: (issuer: string, path: string) => { status?: number; headers?: Record<string, string>; body: string | object }) {
    const asked: string[] = [];
    const server = createServer((req, res) => {
      asked.push(req.url ?? '');
      const { status = 200, headers = {}, body } = answer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, req.url ?? '');
      res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      asked,
      place,
      issuer: `http://${place}`,
      stop: () => new Promise<void>((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
    };
  }

  it('leads to no private address, no redirect, and no endless answer', async () => {
    const inside = await rawIssuer(() => ({ body: 'secret' }));
    let mode: 'redirect' | 'inside' | 'endless' | 'another' = 'redirect';
    const harm = await rawIssuer((issuer, path) => {
      if (path !== '/.well-known/openid-configuration') return { body: {} };
      if (mode === 'redirect') return { status: 302, headers: { location: inside.issuer }, body: '' };
      if (mode === 'endless') return { body: 'x'.repeat(2_000_000) };
      const there = mode === 'inside' ? inside.issuer : issuer;
      return {
        body: {
          issuer: mode === 'another' ? 'https://login.example.com' : issuer,
          authorization_endpoint: `${issuer}/auth`,
          token_endpoint: `${there}/token`,
          jwks_uri: `${there}/keys`,
          response_types_supported: ['code'],
          code_challenge_methods_supported: ['S256'],
        },
      };
    });
    const portal = await startPortal({ UPSTREAM_ALLOW: harm.place });
    try {
      const owner = await portal.member('Harm');
      const { services, store } = portal.composition;
      await owner.post(HOME, { issuer: harm.issuer, clientId: CLIENT.id, clientSecret: CLIENT.secret, rev: '0' });
      await owner.post(`${HOME}/domains`, { domain: 'harm.example' });
      await store.signOn.confirmDomain(`${owner.organizationId}.harm.example`, { userId: '', evidence: 'seen', at: 1 });
      const tested = async () => /<ol class="probe">.*?<\/ol>/s.exec((await owner.post(`${HOME}/test`)).text)?.[0] ?? '';
      const person = portal.visitor();
      const depart = async () => (await person.post('/sign-in/sso', { email: 'ann@harm.example', next: '' })).status;
      expect(await tested()).to.include('answers with status 302');
      expect(await depart()).to.equal(401);
      mode = 'endless';
      expect(await tested()).to.include('does not answer, or not as an issuer should');
      expect(await depart()).to.equal(401);
      mode = 'another';
      expect(await tested()).to.include('It calls itself https://login.example.com');
      expect(await depart()).to.equal(401);
      mode = 'inside';
      expect(await tested()).to.include('token_endpoint: 127.0.0.1 is an address inside a private network');
      const { departure } = await services.signOnFlow.depart('ann@harm.example', '/apps');
      const actor = { kind: 'user', userId: '', organizationId: '', policies: [], address: '', requestId: 'req_test' } as const;
      const refused = await services.signOnFlow.arrive(actor, departure, `?code=x&state=${departure.state}`).catch((error: unknown) => error);
      expect(refused).to.have.property('detail').that.includes('inside a private network');
      expect(inside.asked).to.deep.equal([]);
    } finally {
      await portal.stop();
      await harm.stop();
      await inside.stop();
    }
  });
});
