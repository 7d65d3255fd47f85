import { compose, type Composition } from '../../server/compose.ts';
import { loadConfig } from '../../server/config.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { startWeb } from '../../server/roles.ts';
import { visitor, type Visitor } from './browserless.ts';
import { testMongo, testRedisPrefix, testRedisUrl } from './engines.ts';

export type Member = Visitor & { readonly email: string; readonly userId: string; readonly organizationId: string };

export interface Portal {
  readonly origin: string;
  readonly opsOrigin: string;
  readonly composition: Composition;
  /** Of the web role, for other roles beside it. */
  readonly env: Readonly<Record<string, string>>;
  visitor(): Visitor;
  /** A visitor with an account and an organization of his own, signed in. */
  member(name: string): Promise<Member>;
  stop(): Promise<void>;
}

export const PASSWORD = 'a quiet river at night';

/** The environment of a test: its own database, its own Redis prefix, ports chosen by the system. */
export async function testEnvironment(more: Record<string, string> = {}) {
  const mongo = await testMongo();
  const env = {
    NODE_ENV: 'test',
    LOG_LEVEL: 'silent',
    MONGODB_URI: mongo.uri,
    REDIS_URL: testRedisUrl(),
    REDIS_PREFIX: testRedisPrefix(),
    WEB_PORT: '0',
    WEB_OPS_PORT: '0',
    GATEWAY_PORT: '0',
    GATEWAY_OPS_PORT: '0',
    WORKER_OPS_PORT: '0',
    SESSION_SECRET: 'only for tests, thirty-two characters',
    SECRET_KEYS: `t1:${Buffer.alloc(32, 7).toString('base64')}`,
    STRIPE_SECRET_KEY: 'sk_test_portal000000',
    STRIPE_WEBHOOK_SECRET: 'whsec_portal',
    STRIPE_API_BASE: 'http://127.0.0.1:9',
    ...more,
  };
  return { env, drop: mongo.drop };
}

/** The web role as it runs, in this process. */
export async function startPortal(more: Record<string, string> = {}, log = makeLog('silent', 'web')): Promise<Portal> {
  const { env, drop } = await testEnvironment(more);
  const composition = await compose(loadConfig(env), 'web', { log });
  const { port, opsPort } = await startWeb(composition);
  const origin = `http://localhost:${port}`;
  let members = 0;
  return {
    origin,
    opsOrigin: `http://127.0.0.1:${opsPort}`,
    composition,
    env,
    visitor: () => visitor(origin),
    async member(name) {
      const email = `${name.toLowerCase()}${(members += 1)}@example.test`;
      const made = await composition.services.accounts.register({ email, password: PASSWORD, name, organization: `${name} & Co` });
      if (!made) throw new Error(`${email} is taken`);
      const person = visitor(origin);
      await person.post('/sign-in', { email, password: PASSWORD });
      return Object.assign(person, { email, userId: made.user._id, organizationId: made.organization._id });
    },
    async stop() {
      await composition.lifecycle.stop();
      await drop();
    },
  };
}

/** Somebody who is an operator and nothing else. */
export async function operatorAlone({ member, composition: { services, store } }: Portal, name: string): Promise<Member> {
  const operator = await member(name);
  const user = await store.accounts.user(operator.userId);
  if (!user) throw new Error('no operator');
  await services.accounts.addOperators(user);
  await store.accounts.removeMembership(operator.organizationId, operator.userId);
  return operator;
}
