import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startEngines } from './engines/engines.mjs';
import { makeChildren, ORDER } from './processes/children.mjs';
import { lockDataDir, runsOver } from './processes/lock.mjs';
import { readable } from './processes/log-lines.mjs';
import { answers } from './processes/ports.mjs';
import { role, supervise } from './roles.mjs';
import { checkPorts, environmentFor, portsFrom } from './settings.mjs';
import { ensureBuilt } from './setup/build.mjs';
import { readJson } from './setup/json.mjs';
import { ensurePackages } from './setup/node-modules.mjs';
import { dataDirOf, ROOT } from './setup/paths.mjs';
import { checkPython, ensureVenv, venvPython } from './setup/python.mjs';
import { stopInstalling } from './setup/run.mjs';
import { box, dim, Fault, say, SettingsFault, step, yellow } from './setup/say.mjs';
import { sandboxSecrets } from './setup/secrets.mjs';

const SEED_MS = 300_000;

/**
 * Start the whole marketplace: engines, Stripe simulator, the demo's API servers, web, gateway and worker; seed it on its first run.
 *
 * @param ports    by name (settings.mjs); default: as `env` says
 * @param seed     false: leave the database as it is
 * @param onLine   gets each line that a role writes, readable
 * @returns addresses, the environment of its tools, its programs (`kill`, `pid`) and `stop()`
 * @throws Fault that a person can act on
 */
export async function startMarketplace({ ports, dataDir, env = process.env, seed = true, onLine = () => {}, tell = () => {}, children = makeChildren() }) {
  const chosen = ports ?? portsFrom(env);
  const simulator = !env.STRIPE_SECRET_KEY;
  mkdirSync(dataDir, { recursive: true });
  // What needs no packages comes first: a start that cannot succeed says so before it installs anything.
  await checkPorts(chosen, { simulator });
  const secrets = sandboxSecrets(dataDir);
  const ownEngines = !env.MONGODB_URI || !env.REDIS_URL;
  if (ownEngines) await checkPython();
  await ensurePackages();
  await ensureBuilt();
  const settings = { ports: chosen, dataDir, secrets, env };
  await checkSettings(environmentFor({ ...settings, mongoUri: env.MONGODB_URI, redisUrl: env.REDIS_URL }));
  const httpbin = await ensureVenv().then(
    () => true,
    (fault) => {
      if (!(fault instanceof Fault) || ownEngines) throw fault;
      tell(`httpbin is left out of the demo: ${fault.message}`);
      return false;
    },
  );
  const { mongoUri, redisUrl } = await startEngines(children, { dataDir, env, tell });
  const environment = environmentFor({ ...settings, mongoUri, redisUrl });

  const shared = (name) => ({ env: environment, logFile: join(dataDir, 'logs', `${name}.log`), tell });
  const outside = outsidePrograms({ children, ports: chosen, simulator, httpbin, shared });
  const roles = ['web', 'gateway', 'worker'].map((name) =>
    role(children, name, chosen[`${name}Ops`], { ...shared(name), onLine: (line) => onLine(readable(name, line)) }),
  );
  const programs = [...outside, ...roles];
  const stop = async () => {
    await children.stopAll();
    await children.release();
  };
  try {
    if (simulator) await step('Stripe simulator and the demo’s API servers', () => Promise.all(outside.map((program) => program.ready())));
    await step('Portal, gateway and worker', () => Promise.all(roles.map((program) => program.ready())));
    writeRunFile(dataDir, environment);
    if (seed && !readJson(join(dataDir, 'demo.json'))) await step('The demonstration world', (note) => runSeed(children, environment, dataDir, note));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    webUrl: environment.WEB_URL,
    gatewayUrl: environment.GATEWAY_URL,
    stripeUrl: environment.STRIPE_API_BASE,
    ports: chosen,
    dataDir,
    env: environment,
    children,
    programs: Object.fromEntries(programs.map((program) => [program.name, program])),
    async stop() {
      rmSync(join(dataDir, 'run.json'), { force: true });
      await stop();
    },
  };
}

/** The roles would each refuse wrong settings with exit 78; one voice, before anything is started, is easier to hear. */
async function checkSettings(environment) {
  const { ConfigError, loadConfig } = await import(pathToFileURL(join(ROOT, 'dist', 'server', 'config.js')).href);
  try {
    loadConfig(environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new SettingsFault(`These settings are refused:\n${error.faults.map((fault) => `  ${fault}`).join('\n')}`);
  }
}

/** What stands outside the product: the payment service and four providers' servers. */
function outsidePrograms({ children, ports, simulator, httpbin, shared }) {
  const base = (name) => ({ name, ...shared(name), order: ORDER.outside, graceMs: 5_000, probe: () => answers(ports[name]) });
  const compiled = (...path) => join(ROOT, 'dist', 'sandbox', ...path);
  const programs = ['countries', 'cities', 'currencies'].map((name) =>
    supervise(children, { ...base(name), args: ['--max-old-space-size=160', compiled('upstreams', 'main.js'), name, String(ports[name])] }),
  );
  if (simulator)
    programs.unshift(
      supervise(children, { ...base('stripe'), env: simulatorEnv(shared('stripe').env, ports), args: ['--enable-source-maps', compiled('stripe', 'main.js')] }),
    );
  if (httpbin) programs.push(supervise(children, { ...base('httpbin'), command: venvPython(), args: httpbinArgs(ports.httpbin) }));
  return programs;
}

const simulatorEnv = (env, ports) => ({
  ...env,
  STRIPE_SIM_PORT: String(ports.stripe),
  WEBHOOK_URL: `http://127.0.0.1:${ports.web}/webhooks/stripe`,
  WEBHOOK_SECRET: env.STRIPE_WEBHOOK_SECRET.split(',')[0],
});

const httpbinArgs = (port) => [
  ...['-m', 'gunicorn', 'httpbin:app', '--bind', `127.0.0.1:${port}`],
  ...['--workers', '1', '--worker-class', 'gthread', '--threads', '8', '--no-control-socket', '--log-level', 'warning'],
];

async function runSeed(children, env, dataDir, note, options = []) {
  const args = ['--enable-source-maps', join(ROOT, 'dist', 'sandbox', 'seed', 'main.js'), ...options];
  const child = children.launch({
    name: 'seed',
    command: process.execPath,
    args,
    env,
    cwd: ROOT,
    order: ORDER.tests,
    logFile: join(dataDir, 'logs', 'seed.log'),
    onLine: (line) => note(`(${line.slice(0, 60)})`),
  });
  const timer = setTimeout(() => child.kill('SIGTERM'), SEED_MS);
  const { code } = await child.exited;
  clearTimeout(timer);
  note('');
  if (code !== 0) throw new Fault(`The demonstration world could not be made. It said:\n${child.tail()}`);
}

/** For the tools run beside it (`npm run doctor`, `npm run seed`): where everything is. Holds keys, so only its owner reads it. */
function writeRunFile(dataDir, environment) {
  const names = /^(NODE_ENV|SANDBOX|DATA_DIR|PORT|[A-Z_]+_(PORTS?|URL|URI|ALLOW|DOMAIN|NODE)|STRIPE_[A-Z_]+|SECRET_KEYS|SESSION_SECRET|LATENESS_SECONDS)$/;
  const kept = Object.fromEntries(Object.entries(environment).filter(([name]) => names.test(name)));
  const file = join(dataDir, 'run.json');
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
}

/** Undefined when nothing runs: a start that was killed leaves its file. */
export const readRunFile = (dataDir) => (runsOver(dataDir) ? readJson(join(dataDir, 'run.json')) : undefined);

/** `npm run seed -- --size m --seed 42`: more of the demonstration world, beside a marketplace that runs. */
export async function seedRunning(options) {
  const dataDir = dataDirOf(process.env);
  const environment = readRunFile(dataDir);
  if (!environment) throw new Fault(`No marketplace runs over ${dataDir}. Start one first: npm start`);
  await ensureBuilt();
  const children = makeChildren();
  try {
    await step('The demonstration world', (note) => runSeed(children, { ...process.env, ...environment }, dataDir, note, options));
  } finally {
    await children.release();
  }
}

/** `npm start`: start, show, and stay until Ctrl-C. */
export async function runMarketplace() {
  const dataDir = dataDirOf(process.env);
  const unlock = lockDataDir(dataDir);
  const children = makeChildren();
  let marketplace;
  let askedAt;
  const stopped = new Promise((resolve) => {
    const stop = () => {
      // A terminal's Ctrl-C reaches us twice, once through npm: only a later one means impatience.
      if (askedAt !== undefined) return performance.now() - askedAt > 1_500 ? void children.killAll() : undefined;
      askedAt = performance.now();
      say(`\n  Stopping${marketplace ? ': calls in flight are finished first' : ''} ${dim('(Ctrl-C again ends everything at once)')}`);
      resolve(marketplace ? marketplace.stop() : Promise.all([children.stopAll(), stopInstalling()]));
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  });
  try {
    say('');
    // While it starts, the steps tell enough; a role that fails is quoted. Everything is in the logs.
    const pending = startMarketplace({ dataDir, children, onLine: (line) => marketplace && say(line), tell: (text) => say(`  ${yellow('!')} ${text}`) }).catch(
      (error) => {
        if (askedAt === undefined) throw error; // else it failed because it was stopped
      },
    );
    marketplace = await Promise.race([pending, stopped.then(() => undefined)]);
    if (!marketplace) {
      await pending;
      await stopped;
      say('  Stopped.');
      return 0;
    }
    showAddresses(marketplace);
    const refused = Promise.race(Object.values(marketplace.programs).map(async (program) => (await program.gaveUp, program)));
    const program = await Promise.race([refused, stopped.then(() => undefined)]);
    if (program) {
      await marketplace.stop();
      throw new SettingsFault(`${program.name} refuses its settings:\n${program.tail()}`);
    }
    say('  Stopped.');
    return 0;
  } finally {
    await children.release();
    unlock();
  }
}

function showAddresses({ webUrl, gatewayUrl, stripeUrl, dataDir }) {
  const people = Object.entries(readJson(join(dataDir, 'demo.json'))?.users ?? {});
  const width = Math.max(0, ...people.map(([, { email }]) => email.length));
  const users = people.map(([name, { email, password }]) => [name, `${email.padEnd(width)}   ${password}`]);
  say('');
  box(`Tollgate is up (${(performance.now() / 1_000).toFixed(1)} s)`, [
    ['Portal', webUrl],
    ['Gateway', gatewayUrl],
    ['Sandbox', `${webUrl}/sandbox   (mail, clock)`],
    ...(stripeUrl ? [['Stripe simulator', stripeUrl]] : [['Payments', 'Stripe']]),
    ...(users.length ? [['', ''], ['Sign in as', ''], ...users] : []),
    ['', ''],
    ['Logs', join(dataDir, 'logs')],
    ['Stop', 'Ctrl-C'],
  ]);
  say('');
}
