import { expect } from 'chai';
import { createServer } from 'node:net';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Actor } from '../../server/domain/actor.ts';
import { AppError } from '../../server/kernel/errors.ts';
import { startFleet, type Fleet, type GatewayProcess } from '../support/gateway-fleet.ts';
import { found } from '../support/found.ts';
import type { ProductDoc } from '../../server/store/products.ts';

const QUOTA = 300;
/** More than are left, so that some are refused. */
const BEYOND = 40;

/** Ports that are free now, on two addresses of this machine that are not 127.0.0.1. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await condition()); looks += 1) {
    if (looks > 600) throw new Error(`never came about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const refusal = async (work: Promise<unknown>): Promise<AppError> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was not refused');
};

describe('private connections to a gateway, over two gateway processes', function () {
  this.timeout(180_000);
  let fleet: Fleet;
  let gw1: GatewayProcess;
  let gw2: GatewayProcess;
  let stranger: Actor;
  let gatewayId: string;
  let opsPort: number;
  /** As they are given out. */
  let addresses: readonly [string, string];
  /** Where each process has opened them. */
  const opened: Record<string, Record<string, string>> = { gw1: {}, gw2: {} };
  const held = new Set<ServerResponse>();
  /** Calls answered 200: what the quota holds. */
  let answered = 0;

  before(async () => {
    addresses = [`127.0.0.2:${await freePort('127.0.0.2')}`, `127.0.0.3:${await freePort('127.0.0.3')}`];
    const elsewhere = [`127.0.0.2:${await freePort('127.0.0.2')}`, `127.0.0.3:${await freePort('127.0.0.3')}`];
    opsPort = await freePort('127.0.0.1');
    fleet = await startFleet({
      plan: { kind: 'free', quota: 'hard', quotaLimit: String(QUOTA) },
      environment: { GATEWAY_PRIVATE_LISTEN: addresses.join(',') },
      answer: (req: IncomingMessage, res: ServerResponse) => {
        if (!req.url?.includes('hold')) return void res.writeHead(200, { 'Content-Length': 2 }).end('ok');
        held.add(res);
        res.on('close', () => held.delete(res));
        res.writeHead(200, { 'Content-Type': 'text/plain' }).write('part one, ');
      },
    });
    [gw1, gw2] = await Promise.all([
      fleet.start('gw1', { GATEWAY_OPS_PORT: String(opsPort) }),
      fleet.start('gw2', { GATEWAY_PRIVATE_LISTEN: addresses.map((address, n) => `${address}=${elsewhere[n]}`).join(',') }),
    ]);
    addresses.forEach((address, n) => {
      (opened['gw1'] as Record<string, string>)[address] = `http://${address}`;
      (opened['gw2'] as Record<string, string>)[address] = `http://${elsewhere[n]}`;
    });
    const { services } = fleet.composition;
    gatewayId = (await services.catalog.gateways.list(fleet.provider))[0]?._id ?? '';
    const made = await services.accounts.register({
      email: 'mallory@example.test',
      password: 'a quiet river at night',
      name: 'M',
      organization: 'Mallory & Co',
    });
    stranger = { ...fleet.buyer, userId: made?.user._id ?? '', organizationId: made?.organization._id ?? '' };
  });
  after(() => fleet.stop());

  const endpoints = () => fleet.composition.services.endpoints;
  const listener = () => fleet.composition.services.publicListener;
  /** One call over a private address of a process, or over its public one. */
  const call = (node: GatewayProcess, address: string | null, path = '') =>
    new Promise<{ status: number; body: string; whole: boolean }>((resolve) => {
      let body = '';
      const base = address === null ? node.url : (opened[node.node]?.[address] ?? '');
      const lost = () => resolve({ status: 0, body, whole: false });
      httpRequest(`${base}/cities/cities${path}`, { agent: false, headers: { 'X-Apig-AppCode': fleet.appCode } }, (res) => {
        res.on('data', (chunk: Buffer) => (body += chunk.toString()));
        res.on('error', lost);
        res.on('close', () => {
          if (res.statusCode === 200) answered += 1;
          resolve({ status: res.statusCode ?? 0, body, whole: res.complete });
        });
      })
        .on('error', lost)
        .end();
    });
  const statuses = (address: string | null) => Promise.all([gw1, gw2].map(async (node) => (await call(node, address)).status));
  const everywhere = (address: string | null, status: number) =>
    until(`${status} at ${address ?? 'the public listener'} of both`, async () => (await statuses(address)).every((one) => one === status));
  const serviceName = async () => (await endpoints().ofGateway(fleet.provider, gatewayId)).service?.name ?? '';
  const ask = async (actor: Actor, networks: string[] = []) => endpoints().request(actor, { name: await serviceName(), message: 'for our office', networks });
  const save = async (change: { on?: boolean; automatic?: boolean; whitelist?: string[] }) => {
    const { service } = await endpoints().ofGateway(fleet.provider, gatewayId);
    const { on = true, automatic = false, whitelist = [] } = change;
    await endpoints().saveService(fleet.provider, gatewayId, service?.rev ?? 0, { on, automatic, whitelist });
  };
  const mailsTo = async (email: string) => (await fleet.composition.store.mails.sentTo(email, 0, Number.MAX_SAFE_INTEGER)).map(({ subject }) => subject);

  it('is found by its exact name alone: unknown, off and not on the list are refused in the same words', async () => {
    await save({ on: false, whitelist: [stranger.organizationId] });
    const name = await serviceName();
    expect(name).to.equal(`main.${gatewayId}`);
    const off = await refusal(endpoints().request(stranger, { name, message: '', networks: [] }));
    await save({ whitelist: [fleet.buyer.organizationId] });
    const unlisted = await refusal(endpoints().request(stranger, { name, message: '', networks: [] }));
    const unknown = await refusal(endpoints().request(stranger, { name: 'main.gw_none', message: '', networks: [] }));
    const almost = await refusal(endpoints().request(stranger, { name: name.toUpperCase(), message: '', networks: [] }));
    expect([off, unlisted, unknown, almost].map(({ code, fields }) => ({ code, fields }))).to.deep.equal(
      Array.from({ length: 4 }, () => ({ code: 'invalid-form', fields: unknown.fields })),
    );
    expect(await endpoints().connections(stranger)).to.deep.equal({ live: { rows: [], total: 0 }, ended: { rows: [], total: 0 } });
  });

  it('keeps the public listener open while a subscriber has no other way in, and names it', async () => {
    const { stranded, subscriptions, connections } = await listener().effect(fleet.provider, gatewayId);
    expect({ stranded, subscriptions, connections }).to.deep.equal({ stranded: { count: 1, names: ['harbor & Co'] }, subscriptions: 1, connections: 0 });
    const refused = await refusal(listener().set(fleet.provider, gatewayId, false));
    expect([refused.code, refused.detail.includes('harbor & Co')]).to.deep.equal(['conflict', true]);
    expect(await statuses(null)).to.deep.equal([200, 200]);
  });

  let connectionId: string;
  it('is asked for, told to the owner, accepted with an address, and works on every process within moments; before, the address leads nowhere', async () => {
    const asked = await ask(fleet.buyer, ['127.0.0.0/8']);
    connectionId = asked._id;
    expect(await mailsTo('atlas@example.test')).to.include('harbor & Co asks for a private connection');
    expect((await refusal(ask(fleet.buyer))).code).to.equal('conflict');
    expect(await statuses(addresses[0])).to.deep.equal([404, 404]);
    expect((await refusal(endpoints().accept(stranger, gatewayId, connectionId))).code).to.equal('not-found');
    expect((await refusal(endpoints().accept(fleet.buyer, gatewayId, connectionId))).code).to.equal('not-found');
    // Two of the owner's people press at once.
    const answers = await Promise.allSettled([1, 2].map(() => endpoints().accept(fleet.provider, gatewayId, connectionId)));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
    expect((await endpoints().connections(fleet.buyer)).live.rows[0]?.connection).to.include({ status: 'accepted', address: addresses[0] });
    expect((await endpoints().ofGateway(fleet.provider, gatewayId)).addresses).to.deep.equal({ offered: 2, free: 1 });
    expect(await mailsTo('harbor@example.test')).to.include('atlas & Co accepted your private connection');
    await everywhere(addresses[0], 200);
    expect(await statuses(addresses[1])).to.deep.equal([404, 404]);
  });

  it('is noted in the log of calls', async () => {
    const { metering, clock } = fleet.composition.services;
    const logged = () => metering.calls(fleet.buyer, fleet.subscriptionId, 0, clock.now() + 1);
    await until('both ways in the log', async () => new Set((await logged()).filter(({ outcome }) => outcome === '200').map(({ via }) => via)).size === 2);
    expect(new Set((await logged()).map(({ via }) => via))).to.deep.equal(new Set(['', connectionId]));
  });

  it('alone is left when the public listener is closed: there the gateway is unknown, to its pages it is private', async () => {
    await listener().set(fleet.provider, gatewayId, false);
    await listener().set(fleet.provider, gatewayId, false);
    await everywhere(null, 404);
    expect(JSON.parse((await call(gw1, null)).body)).to.include({ error_code: 'APIG.0101', error_msg: 'No group of APIs has this address.' });
    await everywhere(addresses[0], 200);
    const { storefront } = fleet.composition.services;
    await storefront.refresh();
    const listing = await storefront.listing('cities');
    expect(listing).to.include({ privateOnly: true, baseUrl: 'http://address-of-your-connection/cities' });
    expect((await listener().reached(fleet.buyer, listing))?.baseUrl).to.equal(`http://${addresses[0]}/cities`);
    expect((await listener().reached(stranger, listing))?.baseUrl).to.equal('http://address-of-your-connection/cities');
    await listener().set(fleet.provider, gatewayId, true);
    await everywhere(null, 200);
    const records = (await fleet.composition.store.audit.newestOf(`gateway:${gatewayId}`, 'apig:instances:update')).map(({ after }) => after);
    expect(records).to.deep.equal([{ publicListener: true }, { publicListener: false }]);
  });

  it('is given an address only while one is free; a request that found none stays', async () => {
    await save({ automatic: true, whitelist: ['*'] });
    const own = await ask(fleet.provider);
    expect(own).to.include({ status: 'accepted', address: addresses[1] });
    const waiting = await ask(stranger);
    expect(waiting).to.include({ status: 'requested', address: null });
    const none = await refusal(endpoints().accept(fleet.provider, gatewayId, waiting._id));
    expect([none.code, none.detail.includes('No private address is free')]).to.deep.equal(['conflict', true]);
    await endpoints().leave(fleet.provider, own._id);
    // Withdrawn and accepted at once: whichever comes first, it ends, and no address is lost.
    await Promise.allSettled([endpoints().accept(fleet.provider, gatewayId, waiting._id), endpoints().leave(stranger, waiting._id)]);
    await endpoints()
      .leave(stranger, waiting._id)
      .catch(() => undefined);
    expect((await endpoints().connections(stranger)).ended.rows[0]?.connection.live).to.equal(false);
    expect((await endpoints().ofGateway(fleet.provider, gatewayId)).addresses.free).to.equal(1);
    expect((await refusal(endpoints().reject(fleet.provider, gatewayId, waiting._id, ''))).code).to.equal('conflict');
    await save({ whitelist: [stranger.organizationId] });
    const again = await ask(stranger);
    await endpoints().reject(fleet.provider, gatewayId, again._id, 'not now');
    expect((await endpoints().connections(stranger)).ended.rows[0]?.connection).to.include({ status: 'rejected', reason: 'not now', live: false });
    expect(await mailsTo('mallory@example.test')).to.include('atlas & Co rejected your private connection');
  });

  it('shares the hard quota with the public listener, to the last call, over all processes', async () => {
    const before = { answered, seen: fleet.upstream.seen.length };
    // The provider may have seen one that was cut off when the public listener closed: its place was given back.
    expect(before.seen).to.be.at.least(before.answered);
    const burst = QUOTA - before.answered + BEYOND;
    const ways = [
      [gw1, null],
      [gw1, addresses[0]],
      [gw2, addresses[0]],
      [gw2, null],
    ] as const;
    const answers = await Promise.all(
      Array.from({ length: burst }, (_unused, n) => {
        const [node, address] = ways[n % 4] ?? ways[0];
        return call(node, address);
      }),
    );
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect([count(200), count(429)]).to.deep.equal([burst - BEYOND, BEYOND]);
    expect(answered, 'calls answered in all').to.equal(QUOTA);
    expect(fleet.upstream.seen.length - before.seen, 'calls at the provider').to.equal(burst - BEYOND);
  });

  it('ends at the owner’s word, its open answers too, and its address leads nowhere again', async () => {
    const { services, store } = fleet.composition;
    const product = (await found<ProductDoc>(store, 'Product', { slug: 'cities' }))[0];
    const [app] = await store.apps.appsOf(fleet.buyer.organizationId);
    // The quota is used up: what is open now is called by direct authorization.
    const [api] = product?.apiIds ?? [];
    await services.catalog.authorizations.grant(fleet.provider, api ?? '', app?._id ?? '');
    await services.subscriptions.unbind(fleet.buyer, fleet.subscriptionId, app?._id ?? '');
    await everywhere(addresses[0], 200);
    const open = [call(gw1, addresses[0], '?hold'), call(gw2, addresses[0], '?hold')];
    await until('both are being answered', () => Promise.resolve(held.size === 2));
    await endpoints().disconnect(fleet.provider, gatewayId, connectionId, 'the contract ended');
    expect((await Promise.all(open)).map(({ whole }) => whole)).to.deep.equal([false, false]);
    await everywhere(addresses[0], 404);
    expect(await statuses(null)).to.deep.equal([200, 200]);
    expect((await endpoints().connections(fleet.buyer)).ended.rows[0]?.connection).to.include({
      status: 'disconnected',
      reason: 'the contract ended',
      holds: false,
    });
    expect((await refusal(endpoints().disconnect(fleet.provider, gatewayId, connectionId, ''))).code).to.equal('conflict');
    expect(await mailsTo('harbor@example.test')).to.include('atlas & Co ended your private connection');
  });

  it('has each step in the audit log of who took it', async () => {
    const actions = async (organizationId: string) =>
      (await fleet.composition.store.audit.ofOrganization(organizationId, 0, Number.MAX_SAFE_INTEGER))
        .filter(({ resource }) => resource.includes(connectionId))
        .map(({ action, after }) => `${action} ${(after as { status?: string }).status ?? ''}`.trim())
        .sort();
    expect(await actions(fleet.buyer.organizationId)).to.deep.equal(['market:connections:create']);
    expect(await actions(fleet.provider.organizationId)).to.deep.equal(['apig:endpoints:decide accepted', 'apig:endpoints:decide disconnected']);
  });

  it('is ready and drains as the public listener: what is in flight ends whole, nothing new is taken', async () => {
    await save({ automatic: true, whitelist: ['*'] });
    const { address } = await ask(fleet.buyer);
    await everywhere(address, 200);
    const ready = (await (await fetch(`http://127.0.0.1:${opsPort}/ready`)).json()) as { checks: Record<string, unknown> };
    expect(ready.checks['listeners']).to.equal(true);
    expect(await (await fetch(`http://${addresses[1]}/-/health`)).json()).to.deep.equal({ status: 'ok' });
    const open = [call(gw1, address, '?hold'), call(gw1, null, '?hold')];
    await until('both are being answered', () => Promise.resolve(held.size === 2));
    const gone = gw1.kill('SIGTERM');
    await until('no listener takes calls', async () => (await statuses(address))[0] === 0 && (await statuses(null))[0] === 0);
    for (const res of [...held]) res.end('part two');
    expect(await Promise.all(open)).to.deep.equal(Array.from({ length: 2 }, () => ({ status: 200, body: 'part one, part two', whole: true })));
    await gone;
  });
});
