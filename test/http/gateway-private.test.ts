import { expect } from 'chai';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Snapshot, SnapshotConnection } from '../../server/domain/snapshot.ts';
import { PrivateListenError, startFault } from '../../server/start-fault.ts';
import { APP_CODE, definition, gatewayWorld, rawExchange, until, type World } from '../support/gateway-world.ts';

const ONE = '127.0.0.2:9000';
const TWO = '127.0.0.3:9000';
const CONNECTION: SnapshotConnection = { id: 'con_1', gatewayId: 'gw_1', address: ONE, networks: [] };

/** The answer without what differs from call to call. */
const plain = async (answer: Response) => ({
  status: answer.status,
  headers: [...answer.headers].filter(([name]) => name !== 'x-request-id' && name !== 'date'),
  body: (await answer.text()).replace(/call_\w+/g, 'ID').replace(/"request_id":"[^"]*"/, '"request_id":"ID"'),
});

describe('private addresses of the gateway', () => {
  let world: World;
  let ports: Record<string, number>;
  const streams = new Set<ServerResponse>();
  before(async () => {
    world = await gatewayWorld({
      apis: (origin) => [
        definition(origin, 'GET', '/a'),
        definition(origin, 'GET', '/open', { security: 'NONE' }),
        definition(origin, 'GET', '/stream', { streaming: true, security: 'NONE' }),
      ],
      answer: (req, res) => {
        if (!req.url?.startsWith('/stream')) return void res.writeHead(200, { 'Content-Length': 2 }).end('ok');
        streams.add(res);
        res.on('close', () => streams.delete(res));
        res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: one\n\n');
      },
    });
    ports = {
      [ONE]: await world.gateway.listen(0, '127.0.0.2', { address: ONE, trustedHops: 0 }),
      [TWO]: await world.gateway.listen(0, '127.0.0.3', { address: TWO, trustedHops: 1 }),
    };
  });
  after(() => world.close());
  beforeEach(() => {
    world.upstream.seen.length = 0;
    world.records.length = 0;
    serve({});
  });

  const other = (snapshot: Snapshot): Snapshot => ({
    ...snapshot,
    gateways: [...snapshot.gateways, { id: 'gw_2', organizationId: 'org_q', parameters: {} }],
    groups: [...snapshot.groups, { id: 'grp_2', gatewayId: 'gw_2', label: 'other' }],
    apis: [
      ...snapshot.apis,
      ...snapshot.apis.map((api) => ({ ...api, id: `${api.id}_2`, publicationId: `${api.publicationId}_2`, gatewayId: 'gw_2', groupId: 'grp_2' })),
    ],
  });
  /** Two gateways; the connections there are, and whether the first is reached by them alone. */
  const serve = ({ connections = [], privateOnly = false }: { connections?: SnapshotConnection[]; privateOnly?: boolean }) =>
    world.snapshots.change({
      ...other(world.first),
      gateways: other(world.first).gateways.map((gateway) => (gateway.id === 'gw_1' ? { ...gateway, privateOnly } : gateway)),
      connections,
    });
  const at = (address: string, path: string, headers: Record<string, string> = {}) =>
    fetch(`http://${address.split(':')[0]}:${ports[address]}${path}`, { headers: { 'X-Apig-AppCode': APP_CODE, ...headers } });

  it('lead nowhere without a connection: every label is unknown there, and the health page answers', async () => {
    for (const path of ['/demo/a', '/demo/open', '/other/open', '/nowhere/a']) {
      const { status, body } = await plain(await at(ONE, path));
      expect([status, body.includes('APIG.0101'), body.includes('No group of APIs has this address.')], path).to.deep.equal([404, true, true]);
    }
    expect(await (await at(ONE, '/-/health')).json()).to.deep.equal({ status: 'ok' });
    expect(world.upstream.seen).to.have.length(0);
  });

  it('are one connection each: its gateway is served there and nowhere else, every other label is unknown as one that does not exist', async () => {
    serve({ connections: [CONNECTION] });
    expect((await at(ONE, '/demo/a')).status).to.equal(200);
    expect(await plain(await at(ONE, '/other/open'))).to.deep.equal(await plain(await at(ONE, '/nowhere/open')));
    expect((await at(TWO, '/demo/a')).status).to.equal(404);
    expect((await world.call('/demo/a')).status).to.equal(200);
    expect((await world.call('/other/open')).status).to.equal(200);
  });

  it('note the connection in the record, share quotas with the public listener, and authenticate as it does', async () => {
    serve({ connections: [CONNECTION] });
    const before = world.used.get('sub_1') ?? 0;
    await at(ONE, '/demo/a');
    await world.call('/demo/a');
    await until(() => world.records.length === 2);
    expect(world.records.map(({ via }) => via)).to.deep.equal(['con_1', '']);
    expect((world.used.get('sub_1') ?? 0) - before).to.equal(2);
    expect((await at(ONE, '/demo/a', { 'X-Apig-AppCode': 'wrong' })).status).to.equal(401);
    expect((await at(ONE, '/demo/a', { 'X-Stage': 'TEST' })).status).to.equal(404);
  });

  it('alone reach a gateway that the public listener does not serve: there its labels answer as unknown, own pages as ever', async () => {
    serve({ connections: [CONNECTION], privateOnly: true });
    for (const [path, headers] of [
      ['/demo/a', {}],
      ['/demo/open', {}],
      ['/demo/nothing', {}],
      ['/demo/a', { 'X-Stage': 'TEST' }],
    ] as const)
      expect(await plain(await world.call(path, { headers })), path).to.deep.equal(await plain(await world.call(path.replace('demo', 'nowhere'), { headers })));
    expect((await at(ONE, '/demo/a')).status).to.equal(200);
    expect((await world.call('/-/me')).status).to.equal(200);
    expect((await world.call('/other/open')).status).to.equal(200);
  });

  it('look at where calls come from, by the socket, whatever the caller writes; behind trusted hops by what the last of them saw', async () => {
    const networks = ['10.1.0.0/16'];
    serve({
      connections: [
        { ...CONNECTION, networks },
        { ...CONNECTION, id: 'con_2', address: TWO, networks },
      ],
    });
    const forged = { 'X-Forwarded-For': '10.1.2.3', 'X-Real-Ip': '10.1.2.3', Forwarded: 'for=10.1.2.3' };
    expect(await plain(await at(ONE, '/demo/open', forged))).to.deep.equal(await plain(await at(ONE, '/nowhere/open', forged)));
    expect((await at(TWO, '/demo/open', { 'X-Forwarded-For': '10.1.2.3' })).status).to.equal(200);
    expect((await at(TWO, '/demo/open', { 'X-Forwarded-For': '10.1.2.3, 192.0.2.7' })).status).to.equal(404);
    serve({ connections: [{ ...CONNECTION, networks: ['127.0.0.0/8'] }] });
    expect((await at(ONE, '/demo/open')).status).to.equal(200);
    expect(world.upstream.seen.at(-1)?.headers['x-forwarded-for']).to.match(/^127\.0\.0\.\d+$/);
  });

  it('are told by the socket alone: no host, header or target of a call on the public listener leads over a connection', async () => {
    serve({ connections: [CONNECTION], privateOnly: true });
    for (const head of [
      `GET /demo/open HTTP/1.1\r\nHost: ${ONE}\r\n\r\n`,
      `GET http://${ONE}/demo/open HTTP/1.1\r\nHost: ${ONE}\r\n\r\n`,
      `GET /demo/open HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: ${ONE}\r\nX-Forwarded-For: 127.0.0.2\r\n\r\n`,
      `GET /demo/open HTTP/1.1\r\nHost: demo.gw.test\r\nX-Apig-Connection: con_1\r\n\r\n`,
    ])
      expect(await world.raw(head), head).to.match(/^HTTP\/1\.1 40[04] /);
    expect(world.upstream.seen).to.have.length(0);
  });

  it('end their open streams with the connection, as the public ones end when it is closed to the gateway; others go on', async () => {
    serve({ connections: [CONNECTION] });
    const open = async (port: number, host: string) => {
      const socket = connect(port, host);
      socket.on('error', () => undefined);
      socket.write('GET /demo/stream HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
      return socket;
    };
    const inside = await open(ports[ONE] ?? 0, '127.0.0.2');
    const outside = await open(world.port, '127.0.0.1');
    expect(streams.size).to.equal(2);
    serve({ connections: [CONNECTION], privateOnly: true });
    await until(() => streams.size === 1);
    expect([inside.closed, outside.closed || outside.readableEnded]).to.deep.equal([false, true]);
    // The address goes to another connection at the same instant: the stream was not its own.
    serve({ connections: [{ ...CONNECTION, id: 'con_9' }], privateOnly: true });
    await until(() => streams.size === 0 && inside.closed);
  });

  it('are opened once: a taken one, and one this machine does not have, are named', async () => {
    const faultAt = (port: number, host: string) =>
      world.gateway.listen(port, host, { address: ONE, trustedHops: 0 }).then(
        () => expect.fail('it was opened'),
        (error: unknown) => startFault(new PrivateListenError(`${host}:9000`, error)),
      );
    expect(await faultAt(ports[ONE] ?? 0, '127.0.0.2')).to.equal('GATEWAY_PRIVATE_LISTEN: 127.0.0.2:9000 cannot be opened: another program has it');
    expect(await faultAt(0, '192.0.2.1')).to.equal('GATEWAY_PRIVATE_LISTEN: 192.0.2.1:9000 cannot be opened: this machine has no such address');
    expect(world.gateway.listening).to.equal(false);
  });

  it('refuse what the public listener refuses', async () => {
    serve({ connections: [CONNECTION] });
    const smuggled = 'POST /demo/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await rawExchange(ports[ONE] ?? 0, smuggled, { host: '127.0.0.2' })).to.match(/^HTTP\/1\.1 400 /);
    expect(await rawExchange(ports[ONE] ?? 0, 'GET /demo/../demo/open HTTP/1.1\r\nHost: x\r\n\r\n', { host: '127.0.0.2' })).to.match(/^HTTP\/1\.1 400 /);
  });
});

describe('a snapshot of an earlier release', () => {
  it('is served without connections, everything on the public listener', async () => {
    const world = await gatewayWorld({ apis: (origin) => [definition(origin, 'GET', '/a')] });
    expect(world.first).not.to.have.property('connections');
    expect((await world.call('/demo/a')).status).to.equal(200);
    await world.close();
  });
});

describe('the listeners of a gateway that stops', () => {
  it('finish what is in flight on each, take nothing new on any', async () => {
    const held: ServerResponse[] = [];
    const world = await gatewayWorld({
      apis: (origin) => [definition(origin, 'GET', '/slow', { security: 'NONE' })],
      answer: (_req, res) => void held.push(res),
    });
    const port = await world.gateway.listen(0, '127.0.0.2', { address: ONE, trustedHops: 0 });
    world.snapshots.change({ ...world.first, connections: [CONNECTION] });
    expect(world.gateway.listening).to.equal(true);
    const calls = [fetch(`${world.url}/demo/slow`), fetch(`http://127.0.0.2:${port}/demo/slow`)];
    await until(() => held.length === 2);
    const closed = world.gateway.close(10_000);
    expect(world.gateway.listening).to.equal(false);
    for (const url of [world.url, `http://127.0.0.2:${port}`])
      await fetch(`${url}/-/health`).then(
        () => expect.fail(`${url} took a call`),
        () => undefined,
      );
    for (const res of held) res.end('done');
    expect(await Promise.all(calls.map(async (call) => (await call).text()))).to.deep.equal(['done', 'done']);
    await closed;
    await world.upstream.close();
  });
});
