import { freePort } from '../../sandbox/processes/ports.mjs';
import type { Exchange } from '../../sandbox/stripe/api.ts';
import type { Actor } from '../../server/domain/actor.ts';
import type { PlanForm } from '../../server/domain/plan-form.ts';
import { CLOCK_OFFSET } from '../../server/services/index.ts';
import type { SubscriptionDoc } from '../../server/store/subscriptions.ts';
import { visitor, type Visitor } from './browserless.ts';
import { startFleet, type Fleet, type GatewayProcess } from './gateway-fleet.ts';
import { makeLossyWire } from './own-engine.ts';
import { PASSWORD } from './portal.ts';
import { startRole, type RoleProcess } from './role-process.ts';
import { TEST_KEY, TEST_WEBHOOK_SECRET, testStripe, type TestStripe } from './stripe.ts';

type Wire = Awaited<ReturnType<typeof makeLossyWire>>;
export type Victim = 'gw1' | 'gw2' | 'web' | 'worker';

/** Where in its work a process dies; the world arms it and resolves once the process is gone. */
export type KillPoint = (world: { wire: Wire; onStripe(listener: (exchange: Exchange) => void): void; kill(): Promise<void> }) => Promise<void>;

/** A message to the database as the driver writes it: the command and its collection, each behind its type and length. */
const message = (command: string, collection: string): string => `${command}\0${String.fromCharCode(collection.length + 1)}\0\0\0${collection}\0`;

/** The database has done it, the process never hears so. */
const afterStoring =
  (text: string): KillPoint =>
  ({ wire, kill }) =>
    new Promise((resolve, reject) => wire.loseAnswerTo(text, () => kill().then(resolve, reject)));
export const afterInsertInto = (collection: string): KillPoint => afterStoring(message('insert', collection));
export const afterUpdateOf = (collection: string): KillPoint => afterStoring(message('update', collection));

/** Stripe has done it, the process never hears so. */
export const afterStripe =
  (route: string): KillPoint =>
  ({ onStripe, kill }) =>
    new Promise((resolve, reject) => {
      let struck = false;
      onStripe(({ method, route: asked }) => {
        if (struck || method !== 'POST' || asked !== route) return;
        struck = true;
        kill().then(resolve, reject);
      });
    });

/** Somewhere in its work. */
export const afterMs =
  (ms: number): KillPoint =>
  async ({ kill }) => {
    await pause(ms);
    await kill();
  };

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Somebody who buys by the form of the portal. */
export interface Buyer {
  readonly actor: Actor;
  /** Send the form, and send it again, the same one, while no answer comes. @returns where it leads */
  purchase(): Promise<string>;
  subscriptions(): Promise<SubscriptionDoc[]>;
}

export interface KillWorld {
  readonly fleet: Fleet;
  readonly stripe: TestStripe;
  readonly gateways: Readonly<Record<'gw1' | 'gw2', GatewayProcess>>;
  /** So often each was killed. */
  readonly kills: Readonly<Record<Victim, number>>;
  /** Arm a kill. The answer comes when the process is dead. */
  strike(victim: Victim, point: KillPoint): Promise<void>;
  restart(victim: Victim): Promise<void>;
  buyer(name: string): Promise<Buyer>;
  /** Somebody signed in to the portal. */
  signedIn(email: string, password: string): Promise<Visitor>;
  /** Time goes on, the product's and then Stripe's: nobody is told what has fallen due. */
  travel(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Two gateways, the portal and the worker as processes over one store, one Redis and Stripe's stand-in, each behind a wire that can lose an answer. */
export async function startKillWorld({ plan, answer }: { plan: Partial<PlanForm>; answer: Parameters<typeof startFleet>[0]['answer'] }): Promise<KillWorld> {
  const webPort = await freePort();
  const origin = `http://localhost:${webPort}`;
  let listener: (exchange: Exchange) => void = () => undefined;
  const stripe = await testStripe({
    webhookUrl: `http://127.0.0.1:${webPort}/webhooks/stripe`,
    webhookSecret: TEST_WEBHOOK_SECRET,
    observe: (exchange) => listener(exchange),
  });
  const fleet = await startFleet({
    plan,
    ...(answer && { answer }),
    environment: {
      STRIPE_API_BASE: stripe.url,
      STRIPE_SECRET_KEY: TEST_KEY,
      STRIPE_WEBHOOK_SECRET: TEST_WEBHOOK_SECRET,
      LATENESS_SECONDS: '0',
      WEB_PORT: String(webPort),
      WEB_URL: origin,
    },
  });
  const { composition, env } = fleet;
  const mongo = new URL(env.MONGODB_URI);
  const wires = {} as Record<Victim, Wire>;
  const uris = {} as Record<Victim, string>;
  for (const victim of ['gw1', 'gw2', 'web', 'worker'] as const) {
    const wire = (wires[victim] = await makeLossyWire(Number(mongo.port)));
    uris[victim] = Object.assign(new URL(mongo), { port: String(wire.port) }).toString();
  }
  const processes = {} as Record<Victim, GatewayProcess | RoleProcess>;
  const kills: Record<Victim, number> = { gw1: 0, gw2: 0, web: 0, worker: 0 };

  async function restart(victim: Victim): Promise<void> {
    const beside = { MONGODB_URI: uris[victim] };
    processes[victim] = victim === 'gw1' || victim === 'gw2' ? await fleet.start(victim, beside) : await startRole(victim, { ...env, ...beside });
  }
  async function signedIn(email: string, password: string): Promise<Visitor> {
    const person = visitor(origin);
    await person.post('/sign-in', { email, password });
    return person;
  }
  await Promise.all((['gw1', 'gw2', 'web', 'worker'] as const).map(restart));

  return {
    fleet,
    stripe,
    kills,
    get gateways() {
      return { gw1: processes.gw1 as GatewayProcess, gw2: processes.gw2 as GatewayProcess };
    },
    restart,
    signedIn,
    strike: (victim, point) =>
      point({
        wire: wires[victim],
        onStripe: (next) => void (listener = next),
        async kill() {
          kills[victim] += 1;
          await processes[victim].kill();
        },
      }),
    async buyer(name) {
      const { services, store, ids } = composition;
      const email = `${name.toLowerCase()}@example.test`;
      const made = await services.accounts.register({ email, password: PASSWORD, name, organization: `${name} & Co` });
      if (!made) throw new Error(`${email} is taken`);
      const actor: Actor = { ...fleet.buyer, userId: made.user._id, organizationId: made.organization._id };
      const app = await services.apps.create(actor, { name: 'Demo', description: '' });
      const form = { planId: fleet.planId, appId: app._id, requestId: ids.uuid() };
      const person = await signedIn(email, PASSWORD);
      return {
        actor,
        async purchase() {
          for (;;) {
            // No answer: the portal was killed. Anything but the way on is an answer that a buyer should not get.
            const answered = await person.post('/subscriptions', form).catch(() => null);
            if (answered?.status === 303 && answered.location) return answered.location;
            if (answered) throw new Error(`the form was answered ${answered.status}: ${answered.text.slice(0, 500)}`);
            await pause(50);
          }
        },
        subscriptions: () => store.subscriptions.ofOrganization(actor.organizationId),
      };
    },
    async travel(ms) {
      const { clock, signals, store } = composition;
      const offsetMs = clock.offsetMs() + ms;
      await store.settings.raise(CLOCK_OFFSET, offsetMs);
      clock.setOffset(offsetMs);
      await signals.publish('clock-moved', { offsetMs });
      stripe.world.setOffset(offsetMs);
      stripe.tick();
    },
    async stop() {
      for (const process of Object.values(processes)) if (process.running) await process.kill();
      for (const wire of Object.values(wires)) await wire.close();
      await fleet.stop();
      await stripe.close();
    },
  };
}
