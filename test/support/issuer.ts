import { createHmac, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { visitor } from './browserless.ts';
import { SITE } from './passkey.ts';

/** Who signs in at the issuer, and what it says of them. */
export interface Person {
  readonly sub: string;
  readonly email?: string;
  readonly email_verified?: unknown;
  readonly name?: string;
  readonly amr?: readonly string[];
}

type Claims = Record<string, unknown>;
/** An ID token in place of the one the issuer made. */
export type Forger = (claims: Claims, header: Claims) => string;

export const CLIENT = { id: 'tollgate', secret: 'a client secret of the tests' } as const;

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const read = (text = ''): Claims => JSON.parse(Buffer.from(text, 'base64url').toString()) as Claims;

export const rsa = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;

/** A token signed by the given key (RS256), by a shared secret (HS256), or by nobody. */
export function token(claims: Claims, header: Claims, key: KeyObject | string | null): string {
  const alg = key === null ? 'none' : typeof key === 'string' ? 'HS256' : 'RS256';
  const text = `${part({ ...header, alg })}.${part(claims)}`;
  const signature =
    key === null
      ? ''
      : typeof key === 'string'
        ? createHmac('sha256', key).update(text).digest('base64url')
        : sign('sha256', Buffer.from(text), key).toString('base64url');
  return `${text}.${signature}`;
}

/** Where it keeps sessions and codes: in memory, over a change of keys too. */
class Memory {
  static readonly kept = new Map<string, Claims>();
  readonly #model: string;
  constructor(model: string) {
    this.#model = model;
  }
  upsert(id: string, payload: Claims): void {
    Memory.kept.set(`${this.#model} ${id}`, payload);
  }
  find(id: string): Claims | undefined {
    return Memory.kept.get(`${this.#model} ${id}`);
  }
  findByUid(uid: string): Claims | undefined {
    return [...Memory.kept].find(([key, payload]) => key.startsWith(`${this.#model} `) && payload['uid'] === uid)?.[1];
  }
  consume(id: string): void {
    const payload = this.find(id);
    if (payload) payload['consumed'] = Math.floor(Date.now() / 1_000);
  }
  destroy(id: string): void {
    Memory.kept.delete(`${this.#model} ${id}`);
  }
  revokeByGrantId(grantId: string): void {
    for (const [key, payload] of Memory.kept) if (payload['grantId'] === grantId) Memory.kept.delete(key);
  }
}
/** The way back to our callback names another issuer. */
function sayOtherName(res: ServerResponse, site: string, name: string): void {
  const set = res.setHeader.bind(res);
  res.setHeader = (header, value) => {
    if (header.toLowerCase() !== 'location' || !String(value).startsWith(site)) return set(header, value);
    const url = new URL(String(value));
    url.searchParams.set('iss', name);
    return set(header, url.href);
  };
}
const LIVES = Object.fromEntries(['AccessToken', 'AuthorizationCode', 'Grant', 'IdToken', 'Interaction', 'Session'].map((name) => [name, 600]));

/**
 * An OpenID provider (oidc-provider) over real HTTP on loopback. Nobody types a password there: whoever comes is `person`.
 * @param site  origin of the portal that is its client
 */
export async function startIssuer({ port: wanted = 0, site = SITE.origin }: { port?: number; site?: string } = {}) {
  let person: Person = { sub: 'nobody' };
  let refusal: { error: string; error_description: string } | null = null;
  let forger: Forger | null = null;
  let alias: string | null = null;
  let key = rsa();
  let kid = 'k1';
  let handle: (req: IncomingMessage, res: ServerResponse) => void = (_req, res) => void res.writeHead(503).end();
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url?.split('?')[0]}`);
    if (alias !== null) sayOtherName(res, site, alias);
    handle(req, res);
  });
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;

  function begin(): void {
    const provider = new Provider(issuer, {
      adapter: Memory,
      ttl: LIVES,
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [`${site}/sign-in/sso/callback`] }],
      jwks: { keys: [{ ...key.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] },
      cookies: { keys: [randomBytes(16).toString('hex')] },
      features: { devInteractions: { enabled: false } },
      claims: { openid: ['sub', 'amr'], email: ['email', 'email_verified'], profile: ['name'] },
      interactions: { url: (_context: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
      findAccount: (_context: unknown, sub: string) => ({ accountId: sub, claims: () => ({ ...person, sub }) }),
      async loadExistingGrant(context: { oidc: { client?: { clientId: string }; session?: { accountId?: string } } }) {
        const grant = new provider.Grant({ accountId: context.oidc.session?.accountId, clientId: context.oidc.client?.clientId });
        grant.addOIDCScope('openid email profile');
        await grant.save();
        return grant;
      },
    });
    provider.use(async (context, next) => {
      await next();
      const idToken = context.oidc?.route === 'token' ? context.body['id_token'] : undefined;
      if (forger === null || typeof idToken !== 'string') return;
      const [header, claims] = idToken.split('.');
      context.body['id_token'] = forger(read(claims), read(header));
    });
    const inner = provider.callback();
    handle = (req, res) => {
      if (!req.url?.startsWith('/interaction/')) return inner(req, res);
      const result = refusal ?? { login: { accountId: person.sub, amr: person.amr } };
      provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false }).catch(() => res.writeHead(500).end());
    };
  }
  begin();

  return {
    issuer,
    /** `host:port`, for UPSTREAM_ALLOW. */
    place: `127.0.0.1:${port}`,
    /** What it was asked for: method and path, oldest first. */
    asked,
    get key(): KeyObject {
      return key;
    },
    /** Who signs in from now on. */
    expect(who: Person): void {
      person = who;
    },
    /** A browser without a session there follows the way from our page to our callback. @returns its path and query */
    async walk(address: string, who: Person): Promise<string> {
      person = who;
      const browser = visitor(issuer);
      let location = address;
      for (let step = 0; step < 6; step += 1) {
        const answer = await browser.get(location);
        if (answer.location === null) throw new Error(`the issuer answered ${answer.status}: ${answer.text.slice(0, 300)}`);
        if (answer.location.startsWith(site)) return answer.location.slice(site.length);
        location = answer.location;
      }
      throw new Error('the issuer leads in a circle');
    },
    refuse(error: string | null, description = ''): void {
      refusal = error === null ? null : { error, error_description: description };
    },
    forge(by: Forger | null): void {
      forger = by;
    },
    /** Under which name it sends people back (RFC 9207); null: its own. */
    callItself(name: string | null): void {
      alias = name;
    },
    /** New keys; tokens signed by those of before are not to be believed any more. */
    rotate(): void {
      key = rsa();
      kid = `k${Number(kid.slice(1)) + 1}`;
      begin();
    },
    away(): void {
      handle = (_req, res) => void res.writeHead(503, { 'content-type': 'text/plain' }).end('away');
    },
    back: begin,
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export type Issuer = Awaited<ReturnType<typeof startIssuer>>;
