import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { looksIssued } from '../../server/domain/credential.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';
import { found } from '../support/found.ts';
import type { CredentialDoc } from '../../server/store/apps.ts';

/** Kept in clear nowhere but in the sandbox's mailbox, which is a person's mail. */
const MAILBOX = 'mails';

describe('security of secrets', function () {
  this.timeout(120_000);
  const lines: string[] = [];
  let portal: Portal;
  before(async () => {
    portal = await startPortal({}, makeLog('trace', 'web', { write: (line: string) => void lines.push(line) }));
  });
  after(() => portal.stop());

  /** Everything that Mongo and Redis hold, as text, by place. */
  async function kept(): Promise<Map<string, string>> {
    const { store, redis, config } = portal.composition;
    const places = new Map<string, string>();
    const db = store.connection.db!;
    for (const { name } of await db.listCollections().toArray())
      if (name !== MAILBOX)
        places.set(
          name,
          JSON.stringify(await db.collection(name).find().toArray(), (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
        );
    for await (const keys of redis.client.scanIterator({ MATCH: `${config.redisPrefix}*` }))
      for (const key of keys) places.set(`redis ${key}`, (await redis.client.dump(key))?.toString() ?? '');
    places.set('log', lines.join(''));
    return places;
  }

  it('keeps none in clear in the log, the database or Redis, whatever happens to them', async () => {
    const { composition } = portal;
    const person = portal.visitor();
    const email = 'canary@example.test';
    const newPassword = 'canary password two';
    const links = async () =>
      (await composition.store.mails.sentTo(email, 0, Number.MAX_SAFE_INTEGER))
        .map(({ text }) => /https?:\/\/\S+/.exec(text)?.[0] ?? '')
        .map((link) => new URL(link).pathname);
    await person.post('/sign-up', { email, password: PASSWORD, name: 'Canary', organization: 'Canary' });
    const [verify = ''] = await links();
    await person.post(verify);
    await person.post('/sign-in', { email, password: 'canary wrong guess' });
    await person.post('/sign-in', { email, password: PASSWORD, stray: 'canary stray field' });
    await person.post('/password-reset', { email });
    const reset = (await links()).at(-1) ?? '';
    await person.get(reset);
    await person.post(reset, { password: newPassword });
    await person.post(reset, { password: 'canary used link' });
    await person.post('/sign-in', { email, password: newPassword });
    const user = await composition.store.accounts.userByEmail(email);
    const [{ organizationId = '' } = {}] = await composition.store.accounts.membershipsOfUser(user?._id ?? '');
    await person.post('/apps', { name: 'Canary', description: '', requestId: randomUUID() });
    const [app] = await composition.store.apps.appsOf(organizationId);
    const shown = async (kind: string) =>
      (await person.post(`/apps/${app?._id}/credentials`, { kind, name: '', expiry: 'never', requestId: randomUUID() })).text;
    // The secrets as the page shows them once: long words of our own prefix.
    const secrets = [...(await shown('code')).matchAll(/tg[a-z]*_[A-Za-z0-9_-]{30,}/g), ...(await shown('key')).matchAll(/tg[a-z]*_[A-Za-z0-9_-]{30,}/g)].map(
      ([word]) => word,
    );
    const publicKeys = (await found<CredentialDoc>(composition.store, 'Credential', { appId: app?._id ?? '' })).map(
      (row) => (row as { appKey?: string | null }).appKey ?? '',
    );
    // Stripe does not answer here: what fails is logged with its cause.
    expect((await person.post('/billing/card', { requestId: randomUUID() })).status).to.equal(503);
    await fetch(new URL('/webhooks/stripe', portal.origin), {
      method: 'POST',
      body: 'canary webhook body',
      headers: { 'stripe-signature': 't=1,v1=canarysignature' },
    });
    await person.get('/nothing', { authorization: 'Bearer canaryauthorization', cookie: 'tollgate=canarycookie' });

    const canaries = [
      PASSWORD,
      newPassword,
      'canary wrong guess',
      'canary stray field',
      'canary used link',
      verify.split('/').at(-1) ?? '',
      reset.split('/').at(-1) ?? '',
      decodeURIComponent(person.cookies.get('tollgate') ?? '')
        .split('.')
        .at(-1) ?? '',
      ...new Set(secrets.filter((word) => !publicKeys.includes(word))),
      composition.config.stripe.secretKey,
      composition.config.stripe.webhookSecrets[0] ?? '',
      composition.config.sessionSecret,
      composition.config.secretKeys[0]?.key.toString('base64') ?? '',
      'canary webhook body',
      'canarysignature',
      'canaryauthorization',
      'canarycookie',
    ];
    expect(secrets.map((word) => looksIssued(word)).filter((kind) => kind === 'app-code' || kind === 'app-secret').length, 'as shown').to.be.at.least(2);
    expect(canaries.length, 'a code and a secret among them').to.equal(18);
    expect(Math.min(...canaries.map(({ length }) => length))).to.be.above(9);
    const places = await kept();
    expect([...places.keys()]).to.include.members(['users', 'tokens', 'sessions', 'log']);
    expect(places.get('log')).to.include('refused').and.include('/billing/card');
    const leaked = [...places].flatMap(([place, text]) => canaries.filter((canary) => text.includes(canary)).map((canary) => `${canary} in ${place}`));
    expect(leaked).to.deep.equal([]);
  });
});
