import type { IncomingMessage, ServerResponse } from 'node:http';
import { DECLINES } from './cards.ts';
import type { Disturbance, Disturbances } from './disturbances.ts';
import { StripeFault } from './faults.ts';
import type { Webhooks } from './webhooks.ts';
import type { World } from './world.ts';

interface Parts {
  world: World;
  disturbances: Disturbances;
  webhooks: Webhooks;
  tick: () => void;
}

type Body = Record<string, unknown>;
type Verb = (body: Body, parts: Parts) => unknown;

const clockOf = ({ world }: Parts) => ({ now: new Date(world.clock.now()).toISOString(), offset_ms: world.clock.offsetMs() });

const KINDS: readonly string[] = ['status', 'status-after', 'drop-request', 'drop-response', 'delay'] satisfies Disturbance['kind'][];

const VERBS: Readonly<Record<string, Verb>> = {
  'GET /_sim/clock': (_, parts) => clockOf(parts),
  /** `{"offset_ms"}` (the portal's, so that both clocks agree), `{"advance_ms"}` or `{"to": ISO}`; forward only. */
  'POST /_sim/clock': (body, parts) => {
    const { clock } = parts.world;
    const target =
      typeof body.offset_ms === 'number'
        ? body.offset_ms
        : typeof body.advance_ms === 'number'
          ? clock.offsetMs() + body.advance_ms
          : Date.parse(String(body.to)) - clock.real();
    if (!Number.isFinite(target)) throw new Refusal('give offset_ms, advance_ms or to');
    if (target < clock.offsetMs()) throw new Refusal('the clock only moves forward');
    parts.world.setOffset(Math.trunc(target));
    parts.tick();
    parts.webhooks.pump();
    return clockOf(parts);
  },
  'GET /_sim/disturbances': (_, { disturbances }) => ({ items: disturbances.list() }),
  'POST /_sim/disturbances': (body, { disturbances }) => {
    if (!KINDS.includes(String(body.kind))) throw new Refusal(`kind is one of ${KINDS.join(', ')}`);
    disturbances.add({ times: 1, ...body } as Disturbance);
    return { items: disturbances.list() };
  },
  'DELETE /_sim/disturbances': (_, { disturbances }) => {
    disturbances.clear();
    return { items: [] };
  },
  /** `{"decline": "insufficient_funds", "times": 2}`: the next payments fail, whatever the card. */
  'POST /_sim/payments': (body, { world }) => {
    const code = String(body.decline ?? 'generic_decline');
    if (!Object.hasOwn(DECLINES, code)) throw new Refusal(`decline is one of ${Object.keys(DECLINES).join(', ')}`);
    const times = Number(body.times ?? 1);
    world.planDeclines(code, times);
    return { decline: code, times };
  },
  'GET /_sim/webhooks': (_, { webhooks }) => ({ ...webhooks.mode, ...webhooks.status() }),
  'POST /_sim/webhooks': (body, { webhooks }) => {
    const { hold, order, copies } = body;
    if (typeof hold === 'boolean') webhooks.mode.hold = hold;
    if (order === 'sent' || order === 'shuffled' || order === 'reversed') webhooks.mode.order = order;
    if (typeof copies === 'number' && copies >= 1 && copies <= 20) webhooks.mode.copies = Math.trunc(copies);
    webhooks.pump();
    return { ...webhooks.mode, ...webhooks.status() };
  },
  /** Send all that waits, held or not due yet, and answer when each was tried. */
  'POST /_sim/webhooks/flush': async (_, { webhooks }) => ({ tried: await webhooks.flush() }),
  'POST /_sim/webhooks/redeliver': async (body, { webhooks }) => ({ sent: await webhooks.redeliver(String(body.event)) }),
  'POST /_sim/reset': (_, { world, disturbances, webhooks }) => {
    disturbances.clear();
    Object.assign(webhooks.mode, { hold: false, order: 'sent', copies: 1 });
    world.reset();
    return { reset: true };
  },
  'GET /_sim/snapshot': (_, { world }) => world.state(),
};

class Refusal extends Error {}

/** `/_sim/…`: never there in production. Only JSON is taken, which no form of another site can send. */
export async function control(parts: Parts, request: IncomingMessage, response: ServerResponse, path: string, text: string): Promise<void> {
  const verb = VERBS[`${request.method} ${path}`];
  if (!verb) return answer(response, 404, { error: `no such control: ${request.method} ${path}`, known: Object.keys(VERBS) });
  if (request.method !== 'GET' && !/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    return answer(response, 415, { error: 'send application/json' });
  try {
    const body: unknown = text === '' ? {} : JSON.parse(text);
    if (typeof body !== 'object' || body === null) throw new Refusal('send a JSON object');
    answer(response, 200, await verb(body as Body, parts));
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError || error instanceof StripeFault) return answer(response, 400, { error: error.message });
    throw error;
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' });
  response.end(`${JSON.stringify(body, null, 2)}\n`);
}
