import { createHmac } from 'node:crypto';
import type { Delivery } from './things.ts';
import { view } from './view.ts';
import type { World } from './world.ts';

/** Waits after each failed try, on the simulator's clock; the last repeats until three days are over. */
const BACKOFF_MS = [1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 8 * 3600, 12 * 3600].map((seconds) => seconds * 1000);
const TRY_TIMEOUT_MS = 20_000;
const AT_ONCE_MAX = 4;

export interface DeliveryMode {
  /** Keep everything until told otherwise. */
  hold: boolean;
  order: 'sent' | 'shuffled' | 'reversed';
  /** Times each event is sent. */
  copies: number;
}

export interface Webhooks {
  mode: DeliveryMode;
  /** Start what is due. */
  pump(): void;
  /** Send what waits now, due or not, held or not; resolves when every one of these was tried once. */
  flush(): Promise<number>;
  /** Send one event again to every endpoint. */
  redeliver(eventId: string): Promise<number>;
  status(): { pending: number; failed: number; underWay: number };
  stop(): Promise<void>;
}

/** `t=…,v1=…` over `t.body`. The time is the machine's: receivers compare it with theirs. */
export const signatureOf = (body: string, secret: string, epochMs: number): string => {
  const t = Math.floor(epochMs / 1000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
};

export function makeWebhooks(world: World, random: () => number): Webhooks {
  const mode: DeliveryMode = { hold: false, order: 'sent', copies: 1 };
  const underWay = new Map<string, Promise<void>>();
  const abort = new AbortController();

  const waiting = () =>
    world
      .read()
      .all('delivery')
      .filter(({ id, state }) => state === 'pending' && !underWay.has(id))
      .reverse();

  function ordered(deliveries: Delivery[]): Delivery[] {
    if (mode.order === 'reversed') return deliveries.reverse();
    return mode.order === 'sent'
      ? deliveries
      : deliveries
          .map((each) => ({ each, at: random() }))
          .sort((a, b) => a.at - b.at)
          .map(({ each }) => each);
  }

  function start(delivery: Delivery): Promise<void> {
    const done = attempt(delivery).finally(() => {
      underWay.delete(delivery.id);
      if (!abort.signal.aborted) pump();
    });
    underWay.set(delivery.id, done);
    return done;
  }

  function pump(): void {
    if (mode.hold || abort.signal.aborted) return;
    const now = world.clock.now();
    for (const delivery of ordered(waiting().filter(({ nextAt }) => nextAt <= now))) {
      if (underWay.size >= AT_ONCE_MAX) return;
      void start(delivery);
    }
  }

  async function attempt({ id, event: eventId, endpoint: endpointId }: Delivery): Promise<void> {
    const tx = world.read();
    const event = tx.find('event', eventId);
    const endpoint = tx.find('webhook_endpoint', endpointId);
    let outcome = 'gone';
    if (event && endpoint) {
      const body = JSON.stringify(view(tx, event), null, 2);
      for (let copy = 0; copy < mode.copies; copy++) outcome = await post(endpoint.url, body, endpoint.$secret);
    }
    if (abort.signal.aborted) return;
    world.transact({ id: null, idempotencyKey: null }, (write) => {
      const delivery = write.find('delivery', id);
      if (!delivery || delivery.state !== 'pending') return;
      delivery.attempts++;
      delivery.lastStatus = outcome;
      const wait = BACKOFF_MS[Math.min(delivery.attempts, BACKOFF_MS.length) - 1]!;
      delivery.nextAt = write.nowMs + wait;
      if (/^2\d\d$/.test(outcome)) delivery.state = 'delivered';
      else if (outcome === 'gone' || delivery.nextAt > delivery.until) delivery.state = 'failed';
      write.put('delivery', delivery);
    });
  }

  async function post(url: string, body: string, secret: string): Promise<string> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        body,
        redirect: 'manual',
        signal: AbortSignal.any([abort.signal, AbortSignal.timeout(TRY_TIMEOUT_MS)]),
        headers: {
          'Content-Type': 'application/json; charset=utf-8',
          'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
          'Stripe-Signature': signatureOf(body, secret, world.clock.real()),
        },
      });
      await response.arrayBuffer();
      return String(response.status);
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : 'failed';
    }
  }

  return {
    mode,
    pump,
    async flush() {
      await Promise.all(underWay.values());
      const now = ordered(waiting());
      // One after the other: a test that asks for an order means it.
      for (const delivery of now) await start(delivery);
      return now.length;
    },
    async redeliver(eventId) {
      const tx = world.read();
      const event = tx.get('event', eventId);
      const body = JSON.stringify(view(tx, event), null, 2);
      const endpoints = tx.all('webhook_endpoint').filter(({ status }) => status === 'enabled');
      for (const { url, $secret } of endpoints) await post(url, body, $secret);
      return endpoints.length;
    },
    status() {
      const all = world.read().all('delivery');
      return {
        pending: all.filter(({ state }) => state === 'pending').length,
        failed: all.filter(({ state }) => state === 'failed').length,
        underWay: underWay.size,
      };
    },
    async stop() {
      abort.abort();
      await Promise.allSettled(underWay.values());
    },
  };
}
