import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { makeCertificate } from '../support/certificates.ts';
import { definition } from '../support/catalog-world.ts';
import { ALL_ENGINES, parametersWorld, type ParametersWorld } from '../support/parameters-world.ts';
import { settled } from '../support/queue.ts';

const authority = makeCertificate('Backend authority', { authority: true });
const server = makeCertificate('127.0.0.1', { issuer: authority, address: [127, 0, 0, 1] });
const clients = { one: makeCertificate('client one', { issuer: authority }), two: makeCertificate('client two', { issuer: authority }) };
const stranger = makeCertificate('stranger', { issuer: makeCertificate('Another authority', { authority: true }) });

/** A certificate whose end is no date. */
function endless() {
  const made = makeCertificate('endless', { issuer: authority });
  const der = Buffer.from(made.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const time = Buffer.from([0x17, 13]);
  der.write('991399139913Z', der.indexOf(time, der.indexOf(time) + 15) + 2);
  return { ...made, certificate: `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----` };
}

/** A backend over TLS that answers with whom it sees, and lets nobody in without a certificate of its authority. */
async function strictBackend() {
  const backend = createServer(
    { key: server.key, cert: server.certificate, ca: authority.certificate, requestCert: true, rejectUnauthorized: true },
    (req, res) => {
      const body = JSON.stringify({ who: (req.socket as TLSSocket).getPeerCertificate().subject.CN });
      req.resume();
      res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body);
    },
  );
  backend.on('tlsClientError', () => undefined);
  backend.on('upgrade', (_req, socket: TLSSocket) => {
    socket.on('error', () => undefined).on('end', () => socket.end());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    socket.on('data', () => void socket.write(`I see ${socket.getPeerCertificate().subject.CN}.`));
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  return { backend, port: (backend.address() as AddressInfo).port };
}

describe('backend_client_certificate', function () {
  this.timeout(120_000);
  let world: ParametersWorld;
  let backend: Awaited<ReturnType<typeof strictBackend>>;
  /** Beside the world's gateway, a second one, to the same backend. */
  let second: { gatewayId: string; apiId: string };
  let mainApi: string;

  before(async () => {
    backend = await strictBackend();
    world = await parametersWorld(undefined, { engines: ALL_ENGINES, allow: [`127.0.0.1:${backend.port}`] });
    const { catalog } = world.portal.composition.services;
    const publish = async (gatewayId: string, groupId: string) => {
      const api = await catalog.apis.create(
        world.actor,
        gatewayId,
        groupId,
        definition('/tls', {
          frontend: { method: 'ANY', path: '/tls', match: 'exact' },
          security: 'NONE',
          appCode: false,
          upgrade: true,
          backend: { kind: 'http', origin: `https://127.0.0.1:${backend.port}`, method: 'SAME', path: '/tls', timeoutMs: 20_000, retries: 0 },
        }),
      );
      await catalog.publishing.publish(world.actor, gatewayId, [api._id], 'first');
      return api._id;
    };
    const [group] = await catalog.groups.list(world.actor, world.gatewayId);
    mainApi = await publish(world.gatewayId, group?._id ?? '');
    const other = await catalog.gateways.create(world.actor, { name: 'Second', description: '' });
    const otherGroup = await catalog.groups.create(world.actor, other._id, { name: 'Second', description: '', label: 'second' });
    second = { gatewayId: other._id, apiId: await publish(other._id, otherGroup._id) };
  });
  after(async () => {
    await world.stop();
    backend.backend.closeAllConnections();
    backend.backend.close();
  });

  const revOf = async (gatewayId: string) => String((await world.portal.composition.store.gateways.gateway(gatewayId))?.rev);
  const show = async ({ certificate, key }: { certificate: string; key: string }, gatewayId = world.gatewayId, ca = authority.certificate) =>
    world.provider.post(`/gateways/${gatewayId}/backend-certificate`, { certificate, key, ca, rev: await revOf(gatewayId) });
  const off = async (gatewayId = world.gatewayId) =>
    world.provider.post(`/gateways/${gatewayId}/parameter-defaults`, { name: 'backend_client_certificate', rev: await revOf(gatewayId) });
  const shown = async (...given: Parameters<typeof show>) => {
    const answer = await show(...given);
    expect(answer.status, answer.text.slice(0, 800)).to.equal(303);
  };
  const who = async (answer: Promise<Response>) => {
    const response = await answer;
    const body = (await response.json()) as { who?: string; error_code?: string; error_msg?: string };
    return body.who ?? `${response.status} ${body.error_code}`;
  };
  const noted = async () => (await world.portal.composition.services.catalog.callNotes.list(world.actor, world.gatewayId)).calls;

  for (const engine of ALL_ENGINES)
    it(`engine ${engine}: is what the backend sees from the next call on, until another, or none`, async () => {
      const get = () => who(world.call(engine, '/tls'));
      const post = () => who(world.call(engine, '/tls', { method: 'POST', body: 'x' }));
      expect(await get()).to.equal('502 APIG.0202');
      await shown(clients.one);
      expect([await get(), await post(), await get()]).to.deep.equal(['client one', 'client one', 'client one']);
      await shown(clients.two);
      expect([await get(), await post()]).to.deep.equal(['client two', 'client two']);
      await shown(stranger);
      expect(await get()).to.equal('502 APIG.0202');
      expect((await off()).status).to.equal(303);
      expect([await get(), await post()]).to.deep.equal(['502 APIG.0202', '502 APIG.0202']);
    });

  for (const engine of ALL_ENGINES)
    it(`engine ${engine}: two gateways never use each other’s connections to one backend`, async () => {
      await shown(clients.one);
      await shown(clients.two, second.gatewayId);
      const first = () => who(world.call(engine, '/tls'));
      const other = () => who(world.at(engine, '/second/tls'));
      for (let times = 0; times < 3; times++) expect([await first(), await other()]).to.deep.equal(['client one', 'client two']);
      const mixed = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? first() : other())));
      expect(mixed).to.deep.equal(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'client one' : 'client two')));
      await off(second.gatewayId);
      expect([await first(), await other()]).to.deep.equal(['client one', '502 APIG.0202']);
      await off();
    });

  it('is what WebSockets are opened with, each with that of its own gateway', async () => {
    const over = async (label: string) => {
      const { hostname, port } = new URL(world.urlOf('direct'));
      const socket = connect(Number(port), hostname);
      let received = '';
      socket.on('error', () => undefined).on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      const ended = once(socket, 'close');
      socket.write(
        `GET /${label}/tls HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      );
      await settled(() => Promise.resolve(received.includes('\r\n\r\n')));
      if (received.startsWith('HTTP/1.1 101 ')) {
        socket.write('who?');
        await settled(() => Promise.resolve(received.endsWith('.')));
      }
      socket.destroy();
      await ended;
      return /I see (.+)\.$/.exec(received)?.[1] ?? received.split(' ')[1];
    };
    expect(await over('params')).to.equal('502');
    await shown(clients.one);
    await shown(clients.two, second.gatewayId);
    for (let times = 0; times < 2; times++) expect([await over('params'), await over('second')]).to.deep.equal(['client one', 'client two']);
    await shown(clients.two);
    expect(await over('params'), 'another certificate').to.equal('client two');
    await shown(stranger);
    expect(await over('params'), 'one the backend does not know').to.equal('502');
    await off();
    await off(second.gatewayId);
    expect([await over('params'), await over('second')]).to.deep.equal(['502', '502']);
  });

  it('tells why a backend stays away to the provider alone', async () => {
    const ask = async () => {
      const response = await world.call('direct', '/tls');
      return { id: response.headers.get('x-request-id') ?? '', text: await response.text() };
    };
    const none = await ask();
    await shown(stranger);
    const wrong = await ask();
    await shown(clients.one, world.gatewayId, '');
    const untrusted = await ask();
    await off();
    for (const { text } of [none, wrong, untrusted])
      expect(text)
        .to.include('APIG.0202')
        .and.not.match(/certificate|SSL|ALERT/i);
    for (let tries = 0; !(await noted()).some(({ id }) => id === untrusted.id); tries++) {
      if (tries > 600) throw new Error('never recorded');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const calls = await noted();
    const cause = (id: string) => calls.find((one) => one.id === id)?.notes?.cause;
    expect(cause(none.id)).to.match(/own certificate is not trusted/);
    expect(cause(wrong.id)).to.match(/refused the client certificate|do not accept a client certificate/);
    expect(cause(untrusted.id)).to.match(/not trusted/);
    expect((await world.provider.get(`/gateways/${world.gatewayId}/calls`)).text).to.match(/client certificate/);
  });

  it('is shown by the connection test too, which says what a backend refuses', async () => {
    const { upstreamTest } = world.portal.composition.services;
    const steps = async () => (await upstreamTest.api(world.actor, mainApi)).report;
    const untrusted = await steps();
    expect(untrusted.reachable).to.equal(false);
    await shown(clients.one);
    expect(await steps()).to.include({ reachable: true, status: 200 });
    await shown(stranger);
    expect((await steps()).steps.at(-1)?.text).to.match(/refused the client certificate|do not accept a client certificate/);
    await off();
  });

  it('can be put back while its key is kept', async () => {
    await shown(clients.one);
    await shown(clients.two);
    const { catalog } = world.portal.composition.services;
    const [change] = (await catalog.parameters.list(world.actor, world.gatewayId)).changes;
    expect(
      (await world.provider.post(`/gateways/${world.gatewayId}/parameter-reversions`, { changeId: change?.id ?? '', rev: await world.rev() })).status,
    ).to.equal(303);
    expect(await who(world.call('undici', '/tls'))).to.equal('client one');
    await off();
  });

  it('is refused with the fault beside the field, and its key comes back to nobody', async () => {
    const expired = makeCertificate('expired', { issuer: authority, from: Date.now() - 9e8, until: Date.now() - 1e8 });
    for (const [pasted, id, says] of [
      [expired, 'certificate', 'has expired'],
      [endless(), 'certificate', 'has expired'],
      [makeCertificate('weak', { issuer: authority, rsaBits: 512 }), 'certificate', 'too weak'],
      [{ certificate: clients.one.certificate, key: clients.two.key }, 'key', 'does not belong'],
      [{ certificate: clients.one.key, key: clients.one.key }, 'certificate', 'private key was pasted'],
    ] as const) {
      const answer = await show(pasted);
      expect(answer.status).to.equal(422);
      expect(answer.text).to.include(`id="backend_client_certificate-${id}-error"`).and.include(says);
      if (id !== 'certificate' || pasted === expired) expect(answer.text).to.include('BEGIN CERTIFICATE');
    }
    const answer = await show({ certificate: clients.one.certificate, key: clients.two.key });
    expect(answer.text).not.to.include(clients.two.key.split('\n')[1] ?? '-');
  });

  it('leaves its private key nowhere in clear: pages, audit log, store, snapshots on disk', async () => {
    await shown(clients.one);
    const line = clients.one.key.split('\n')[1] ?? '';
    expect(line.length).to.be.greaterThan(40);
    const page = await world.provider.get(world.page);
    expect(page.text).to.include('client one').and.not.include(line);
    const { composition } = world.portal;
    const stored = await composition.store.gateways.gateway(world.gatewayId);
    expect(stored?.secrets).not.to.deep.equal({});
    const records = await composition.store.audit.newestOf(`gateway:${world.gatewayId}`, 'apig:features:update');
    expect(JSON.stringify([stored, records]))
      .not.to.include(line)
      .and.not.include('PRIVATE KEY');
    expect(JSON.stringify(records)).to.include('CN=client one').and.not.include('sealed');
    const files = (await readdir(world.dataDir, { recursive: true })).filter((name) => name.endsWith('snapshot.json'));
    expect(files).to.have.length(ALL_ENGINES.length);
    for (const file of files)
      expect(await readFile(join(world.dataDir, file), 'utf8'))
        .not.to.include(line)
        .and.not.include('PRIVATE KEY');
    await off();
  });
});
