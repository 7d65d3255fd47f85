import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import Stripe from 'stripe';
import { makeClock } from '../../../server/kernel/clock.ts';
import { customerWithCard, sdkFor, testStripe } from '../../support/stripe.ts';

const SECRET = 'whsec_simulator_test';

describe('what the Stripe simulator was told', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'stripe-simulator-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('outlives kill -9, request by request: whatever was acknowledged is there, once', async () => {
    let simulator = await start(folder);
    let url = simulator.url;
    const acknowledged = new Set<string>();
    for (let round = 0; round < 3; round++) {
      let running = true;
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; running; n++) {
          // The same key again after the cut: it must answer with the object made before, or make the only one.
          const key = `round${round}.writer${writer}.${n}`;
          await sdkFor(url)
            .customers.create({ name: key }, { idempotencyKey: key })
            .then(
              () => acknowledged.add(key),
              () => undefined,
            );
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 250));
      simulator.child.kill('SIGKILL');
      running = false;
      await Promise.all(writers);
      await simulator.gone;
      simulator = await start(folder);
      url = simulator.url;
    }
    const names: string[] = [];
    for await (const { name } of sdkFor(url).customers.list({ limit: 100 })) names.push(name!);
    expect(acknowledged.size).to.be.greaterThan(30);
    expect(new Set(names).size, 'none twice').to.equal(names.length);
    expect(
      [...acknowledged].filter((name) => !names.includes(name)),
      'none lost',
    ).to.deep.equal([]);
    const again = await sdkFor(url).customers.create({ name: [...acknowledged][0]! }, { idempotencyKey: [...acknowledged][0]! });
    expect(again.lastResponse.headers['idempotent-replayed']).to.equal('true');
    simulator.child.kill('SIGTERM');
    expect(await simulator.gone).to.equal(0);
  });

  it('drops a torn last line, which nobody was told of, and goes on after it', async () => {
    const first = await testStripe({ dataDir: folder });
    const kept = await first.sdk.customers.create({ name: 'kept' });
    await first.close();
    const journal = readdirSync(join(folder, 'stripe')).find((name) => name.startsWith('journal.'))!;
    appendFileSync(join(folder, 'stripe', journal), '{"objects":[["customer","cus_torn",{"id":"cus_to');
    const second = await testStripe({ dataDir: folder });
    const next = await second.sdk.customers.create({ name: 'after' });
    await second.close();
    const third = await testStripe({ dataDir: folder });
    expect((await third.sdk.customers.list()).data.map(({ id }) => id)).to.deep.equal([next.id, kept.id]);
    await third.close();
    for (const line of readFileSync(join(folder, 'stripe', journal), 'utf8')
      .split('\n')
      .filter(Boolean))
      expect(() => JSON.parse(line) as unknown).not.to.throw();
  });

  it('survives compaction with its order, its keys and its clock', async () => {
    const first = await testStripe({ dataDir: folder });
    first.world.setOffset(86_400_000);
    const { customerId } = await customerWithCard(first.sdk);
    const body = { name: 'keyed' };
    const keyed = await first.sdk.customers.create(body, { idempotencyKey: 'kept.key' });
    first.world.compact();
    const late = await first.sdk.customers.create({ name: 'late' });
    const before = await first.sdk.events.list({ limit: 100 });
    await first.close();
    const second = await testStripe({ dataDir: folder, clock: makeClock() });
    expect(second.world.clock.offsetMs()).to.equal(86_400_000);
    expect((await second.sdk.customers.list()).data.map(({ id }) => id)).to.deep.equal([late.id, keyed.id, customerId]);
    expect((await second.sdk.customers.create(body, { idempotencyKey: 'kept.key' })).id).to.equal(keyed.id);
    expect((await second.sdk.events.list({ limit: 100 })).data).to.deep.equal(before.data);
    await second.close();
  });

  it('reaches the webhook after a restart, signed, at least once, until it is taken', async () => {
    const received: string[] = [];
    let refusals = 2;
    const receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const event = Stripe.webhooks.constructEvent(Buffer.concat(chunks), request.headers['stripe-signature'] as string, SECRET);
        if (refusals-- > 0) return response.writeHead(500).end();
        received.push(event.type);
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const webhookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    // Nobody listens there yet as far as the first one can tell: it keeps all to itself.
    const first = await testStripe({ dataDir: folder, webhookUrl, webhookSecret: SECRET });
    first.webhooks.mode.hold = true;
    await first.sdk.customers.create({ name: 'told later' });
    expect(first.webhooks.status()).to.include({ pending: 1 });
    await first.close();
    const second = await testStripe({ dataDir: folder, webhookUrl, webhookSecret: SECRET });
    while (second.webhooks.status().pending > 0) {
      await second.webhooks.flush();
      // Each wait of the backoff is over at once on a clock that is moved.
      second.world.setOffset(second.world.clock.offsetMs() + 60_000);
    }
    expect(received).to.deep.equal(['customer.created']);
    expect(refusals).to.equal(-1);
    await second.close();
    receiver.close();
  });

  it('gives up on a webhook after three days of simulated time, not before', async () => {
    const stripe = await testStripe({ webhookUrl: 'http://127.0.0.1:1/nobody', webhookSecret: SECRET });
    stripe.webhooks.mode.hold = true;
    await stripe.sdk.customers.create({ name: 'untold' });
    for (let hour = 0; hour < 71; hour++) stripe.world.setOffset(stripe.world.clock.offsetMs() + 3600_000);
    await stripe.webhooks.flush();
    expect(stripe.webhooks.status()).to.include({ pending: 1, failed: 0 });
    stripe.world.setOffset(stripe.world.clock.offsetMs() + 2 * 3600_000);
    await stripe.webhooks.flush();
    expect(stripe.webhooks.status()).to.include({ pending: 0, failed: 1 });
    await stripe.close();
  });
});

interface Running {
  child: ChildProcess;
  url: string;
  /** Exit code, once it is gone. */
  gone: Promise<number | null>;
}

async function start(folder: string): Promise<Running> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'sandbox/stripe/main.ts'], {
    env: { ...process.env, PORT: '0', STRIPE_SIM_PORT: '0', DATA_DIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const match = /http:\/\/[\d.:]+/.exec(text);
      if (match) resolve(match[0]);
    });
    child.once('exit', () => reject(new Error('the simulator ended')));
  });
  return { child, url, gone };
}
