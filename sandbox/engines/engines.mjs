import { mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { ORDER } from '../processes/children.mjs';
import { answers, freePort, isFree, waitUntil } from '../processes/ports.mjs';
import { ROOT, VENV } from '../setup/paths.mjs';
import { ensureVenv, venvPython, venvRedisServer } from '../setup/python.mjs';
import { readJson } from '../setup/json.mjs';
import { run } from '../setup/run.mjs';
import { Fault, step } from '../setup/say.mjs';
import { checkGiven } from './given.mjs';

const READY_MS = 60_000; // the built-in database takes 7 s over 2 GB of data, more on a busy machine
const STOP_MS = 15_000; // it takes 4 s to end in order
const DATABASE = 'tollgate';

/**
 * Where MongoDB comes from: `MONGODB_URI`, else `mongod` on PATH, else the built-in engine in `.local/venv`.
 * @returns {Promise<{kind: 'given', uri: string} | {kind: 'mongod' | 'secantus', label: string}>}
 */
export async function resolveMongo(env = process.env) {
  if (env.MONGODB_URI) return { kind: 'given', uri: env.MONGODB_URI, label: 'MONGODB_URI' };
  const { code, output } = await run('mongod', ['--version']);
  if (code === 0) return { kind: 'mongod', label: `mongod ${/v(\d[\d.]*)/.exec(output)?.[1] ?? ''}`.trim() };
  await ensureVenv();
  return { kind: 'secantus', label: 'built-in (SecantusDB)' };
}

/** Where Redis comes from: `REDIS_URL`, else `redis-server` on PATH, else the one in `.local/venv`. */
export async function resolveRedis(env = process.env) {
  if (env.REDIS_URL) return { kind: 'given', url: env.REDIS_URL, label: 'REDIS_URL' };
  const { code, output } = await run('redis-server', ['--version']);
  const version = /v=(\d[\d.]*)/.exec(output)?.[1];
  if (code === 0 && version && Number.parseFloat(version) >= 6.2) return { kind: 'server', command: 'redis-server', label: `redis-server ${version}` };
  await ensureVenv();
  return { kind: 'server', command: venvRedisServer(), label: 'built-in (Redis)' };
}

/** Start the database over `dir` and wait until it answers. One directory takes one process. */
export async function startMongo(children, source, { dir, port, logFile }) {
  mkdirSync(dir, { recursive: true });
  const child = source.kind === 'mongod' ? launchMongod(children, { dir, port, logFile }) : launchSecantus(children, { dir, port, logFile });
  const uri = `mongodb://127.0.0.1:${port}/${DATABASE}?directConnection=true`;
  const ready = await waitUntil(async () => (await answers(port)) && (await pingMongo(uri, source.kind === 'mongod')), { child, deadlineMs: READY_MS });
  if (!ready) throw await notStarted('MongoDB', child);
  return { ...child, child, uri, port };
}

function launchSecantus(children, { dir, port, logFile }) {
  // Without a configuration of our own it would silently read one from the working directory, the home or /etc.
  const config = `${dir}.empty.toml`;
  writeFileSync(config, '');
  const args = [
    join(VENV, 'bin', 'secantusd-py'),
    '--config',
    config,
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--storage-path',
    dir,
    '--sync-on-commit',
  ];
  return children.launch({ name: 'mongo', command: venvPython(), args, cwd: ROOT, order: ORDER.engines, graceMs: STOP_MS, logFile });
}

function launchMongod(children, { dir, port, logFile }) {
  // A replica set of one: majority writes are then journalled before they are acknowledged.
  const args = ['--dbpath', dir, '--port', String(port), '--bind_ip', '127.0.0.1', '--replSet', 'rs0', '--nounixsocket'];
  return children.launch({ name: 'mongo', command: 'mongod', args, cwd: ROOT, order: ORDER.engines, graceMs: STOP_MS, logFile });
}

async function pingMongo(uri, replicaSet) {
  const { MongoClient } = await import('mongodb');
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 2_000 });
  try {
    const admin = client.db('admin');
    if (!replicaSet) return (await admin.command({ ping: 1 })).ok === 1;
    const hello = await admin.command({ hello: 1 });
    if (!hello.setName) await admin.command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: uri.split('/')[2] }] } }).catch(() => {});
    return hello.isWritablePrimary === true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}

export async function startRedis(children, source, { dir, port, logFile }) {
  mkdirSync(dir, { recursive: true });
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--appendonly', 'yes', '--save', ''];
  const child = children.launch({ name: 'redis', command: source.command, args, cwd: dir, order: ORDER.engines, graceMs: STOP_MS, logFile });
  const ready = await waitUntil(() => pingRedis(port), { child, deadlineMs: READY_MS });
  if (!ready) throw await notStarted('Redis', child);
  return { ...child, child, url: `redis://127.0.0.1:${port}`, port };
}

/** True once the data is loaded: while it loads, the answer to PING is an error. */
function pingRedis(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('data', (data) => {
      resolve(String(data).startsWith('+PONG'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

async function notStarted(what, child) {
  if (child.running) await child.stop();
  const said = child.tail().trim().split('\n').slice(-12).join('\n');
  if (/resource busy|DBPathInUse|Unable to acquire|already in use by/i.test(said))
    return new Fault(`${what} cannot start: another process uses its data folder. Stop that one first.\n${said}`);
  return new Fault(`${what} did not start. It said:\n${said || '(nothing)'}`);
}

/**
 * Resolve and start both engines over one data folder. The ports are free ones, remembered in `engines.json` so that a tool
 * pointed at them yesterday still finds them today.
 */
export async function startEngines(children, { dataDir, env = process.env, tell = () => {} }) {
  mkdirSync(dataDir, { recursive: true });
  const mongoSource = await resolveMongo(env);
  const redisSource = await resolveRedis(env);
  await checkGiven(env);
  const ports = await choosePorts(join(dataDir, 'engines.json'));
  const log = (name) => join(dataDir, 'logs', `${name}.log`);
  const startOne = async (name, title, source, start) => {
    if (source.kind === 'given') return undefined;
    const engine = await step(title, start);
    const watch = ({ child }) =>
      child.exited.then(async ({ code, signal }) => {
        if (children.closing) return;
        tell(`${name} ended (${signal ?? `exit ${code}`}) and is started again over the same data`);
        await start().then(watch, (fault) => tell(fault.message));
      });
    watch(engine);
    return engine;
  };
  const [mongo, redis] = [
    await startOne('MongoDB', `MongoDB: ${mongoSource.label}`, mongoSource, () =>
      startMongo(children, mongoSource, { dir: join(dataDir, 'mongo'), port: ports.mongo, logFile: log('mongo') }),
    ),
    await startOne('Redis', `Redis: ${redisSource.label}`, redisSource, () =>
      startRedis(children, redisSource, { dir: join(dataDir, 'redis'), port: ports.redis, logFile: log('redis') }),
    ),
  ];
  return { mongoUri: mongo?.uri ?? mongoSource.uri, redisUrl: redis?.url ?? redisSource.url };
}

async function choosePorts(file) {
  const kept = readJson(file) ?? {};
  const choose = async (port) => (port && (await isFree(port)) ? port : freePort());
  const ports = { mongo: await choose(kept.mongo), redis: await choose(kept.redis) };
  writeFileSync(file, `${JSON.stringify(ports)}\n`);
  return ports;
}
