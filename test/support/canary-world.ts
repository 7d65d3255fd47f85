import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeLog } from '../../server/kernel/log.ts';
import { openStore } from '../../server/store/index.ts';
import type { Answer, Visitor } from './browserless.ts';
import { startBuyerPortal } from './buyer-portal.ts';
import { makeCanaries, placesInMongo, placesInRedis, placesOnDisk } from './canaries.ts';
import { recordingUpstream, type Seen } from './gateway-world.ts';
import { startIssuer } from './issuer.ts';
import { PASSWORD } from './portal.ts';
import { startRole } from './role-process.ts';

/** An answer that is none, with what the request carried in it: a parser's message could quote it. */
const quoted = ({ headers, url }: Seen, res: ServerResponse): void => {
  const heard = `${String(headers['x-backend-key'])} ${url}`;
  res.socket?.end(`HTTP/1.1 200 OK\r\nX-Broken ${heard}\r\n${heard}: \u0001\r\n\r\n`);
};

/** Portal in this process, gateway and worker as processes of their own, all writing all they can; an issuer, an upstream, Stripe's stand-in. */
export async function canaryWorld() {
  const canaries = makeCanaries();
  const issuer = await startIssuer();
  const upstream = await recordingUpstream((req, res, seen) => (req.url?.startsWith('/hostile') ? quoted(seen, res) : void res.end('{}')));
  const dataDir = await mkdtemp(join(tmpdir(), 'canaries-'));
  const more = { UPSTREAM_ALLOW: `127.0.0.1:${upstream.port},${issuer.place}`, DATA_DIR: dataDir };
  const portal = await startBuyerPortal(more, makeLog('trace', 'web', { write: canaries.hear('web') }));
  const roles = await Promise.all((['gateway', 'worker'] as const).map((role) => startRole(role, { ...portal.env, LOG_LEVEL: 'trace' }, canaries.hear(role))));
  const [gateway] = roles;
  // Has an organization that sells, buys, has programs and an issuer.
  const member = await portal.member('Canary');
  canaries.note('password', PASSWORD);
  const words = (page: { readonly text: string }): string[] => [...page.text.matchAll(/tg[a-z]*_[A-Za-z0-9_-]{30,}/g)].map(([word]) => word);
  let calls = 0;

  return {
    canaries,
    portal,
    issuer,
    upstream,
    member,
    actor: () => portal.actorOf(member.organizationId, member.userId),
    /** What one story leaves for the next. */
    kept: { personalToken: '', gatewayId: '', apiIds: [] as string[], appCode: '' },
    /** Values of ours that a page shows. */
    words,
    requestId: (): { requestId: string } => ({ requestId: randomUUID() }),
    /** The text of the last mail to somebody, as far as it is a link: its path. */
    async link(to: string): Promise<{ readonly path: string; readonly token: string }> {
      const mails = await portal.composition.store.mails.sentTo(to, 0, Number.MAX_SAFE_INTEGER);
      const path = new URL(/https?:\/\/\S+/.exec(mails.at(-1)?.text ?? '')?.[0] ?? '').pathname;
      return { path, token: path.split('/').at(-1) ?? '' };
    },
    /** Call the gateway; its answer is looked through, too. */
    async call(path: string, headers: Record<string, string>): Promise<number> {
      const response = await fetch(`http://127.0.0.1:${gateway?.port}/canary${path}`, { headers });
      canaries.seenText(`call ${(calls += 1)}`, `${JSON.stringify([...response.headers])}${await response.text()}`);
      return response.status;
    },
    /** What a token address gives; the answer is for its caller alone, and is not looked through. */
    async token(fields: Record<string, string>): Promise<unknown> {
      const response = await fetch(`http://127.0.0.1:${gateway?.port}/canary/v1/apigw/oauth2/token`, { method: 'POST', body: new URLSearchParams(fields) });
      return response.json();
    },
    /** A program's answer from the management API, looked through. */
    async program(path: string, headers: Record<string, string>, method = 'GET'): Promise<number> {
      const response = await fetch(`${portal.origin}/api/v1${path}`, { method, headers });
      canaries.seenText(`program ${(calls += 1)}`, `${JSON.stringify([...response.headers])}${await response.text()}`);
      return response.status;
    },
    /** A page that shows a secret to the one person it is for: the secret is kept, the page is not looked through. */
    shown: (name: string, answer: Answer, which: (word: string) => boolean = () => true): string => canaries.note(name, words(answer).find(which)),
    /** What the cookie of this browser carries. */
    noteSession(name: string, { cookies }: Visitor): void {
      const [id = '', signature = ''] = decodeURIComponent(cookies.get('tollgate') ?? '')
        .slice(2)
        .split('.');
      canaries.note(`session of ${name}`, id);
      canaries.note(`session signature of ${name}`, signature);
    },
    /** Journals are sealed and shipped, and the snapshot is on disk, when the gateway ends in order. */
    endRoles: () => Promise.all(roles.filter(({ running }) => running).map((role) => role.kill('SIGTERM'))),
    /** The portal's own connections to the database are cut. */
    async cutStore(): Promise<void> {
      await portal.composition.store.connection.close(true);
    },
    async places(): Promise<Map<string, string>> {
      const { redis, config } = portal.composition;
      const store = await openStore(config.mongodbUri);
      try {
        const [mongo, cache, disk] = await Promise.all([placesInMongo(store), placesInRedis(redis, config.redisPrefix), placesOnDisk(dataDir)]);
        return new Map([...canaries.pages, ...canaries.logs, ...mongo, ...cache, ...disk]);
      } finally {
        await store.close();
      }
    },
    async stop(): Promise<void> {
      await Promise.all(roles.filter(({ running }) => running).map((role) => role.kill()));
      await portal.stop().catch(() => undefined);
      await Promise.all([upstream.close(), issuer.stop(), rm(dataDir, { recursive: true, force: true })]);
    },
  };
}

export type CanaryWorld = Awaited<ReturnType<typeof canaryWorld>>;
