import { delimiter, join } from 'node:path';
import { accessSync, constants } from 'node:fs';
import { freePort, whyTaken } from './processes/ports.mjs';
import { Fault, SettingsFault } from './setup/say.mjs';

const UPSTREAMS = ['countries', 'cities', 'currencies', 'httpbin'];

/** Every port the marketplace opens: what it is for, the variable that moves it, and where it is. */
export const PORTS = [
  { name: 'web', variable: 'WEB_PORT', fallback: 3000, what: 'the portal' },
  { name: 'gateway', variable: 'GATEWAY_PORT', fallback: 8080, what: 'the gateway' },
  { name: 'webOps', variable: 'WEB_OPS_PORT', fallback: 3001, what: 'health of the portal' },
  { name: 'gatewayOps', variable: 'GATEWAY_OPS_PORT', fallback: 8081, what: 'health of the gateway' },
  { name: 'workerOps', variable: 'WORKER_OPS_PORT', fallback: 3002, what: 'health of the worker' },
  { name: 'stripe', variable: 'STRIPE_API_BASE', fallback: 3100, what: 'the Stripe simulator' },
  ...UPSTREAMS.map((name, index) => ({ name, variable: 'UPSTREAM_PORTS', fallback: 3201 + index, what: `the demo’s ${name} server` })),
];

/** @returns {Record<string, number>} ports by name, as the environment says */
export function portsFrom(env) {
  const upstreams = (env.UPSTREAM_PORTS || '').split(',').filter(Boolean);
  const texts = {
    web: env.WEB_PORT || env.PORT,
    gateway: env.GATEWAY_PORT,
    webOps: env.WEB_OPS_PORT,
    gatewayOps: env.GATEWAY_OPS_PORT,
    workerOps: env.WORKER_OPS_PORT,
    stripe: simulatorPort(env),
    ...Object.fromEntries(UPSTREAMS.map((name, index) => [name, upstreams[index]])),
  };
  const faults = [];
  const ports = PORTS.map(({ name, variable, fallback }) => {
    const port = texts[name] ? Number(texts[name]) : fallback;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) faults.push(`${variable} is not a port: ${texts[name]}`);
    return [name, port];
  });
  if (faults.length > 0) throw new SettingsFault(faults.join('\n'));
  return Object.fromEntries(ports);
}

const simulatorPort = (env) => /^http:\/\/(?:127\.0\.0\.1|localhost):(\d+)\/?$/.exec(env.STRIPE_API_BASE ?? '')?.[1];

/** @throws Fault naming every port that is taken, and one command that moves them all */
export async function checkPorts(ports, { simulator }) {
  const wanted = PORTS.filter(({ name }) => simulator || name !== 'stripe');
  const taken = [];
  const used = new Map();
  for (const { name, variable, what } of wanted) {
    const port = ports[name];
    if (used.has(port)) throw new SettingsFault(`Port ${port} is wanted twice: for ${used.get(port)} and for ${what}. Set ${variable} to another one.`);
    used.set(port, what);
    const why = await whyTaken(port);
    if (why) taken.push({ name, port, text: `Port ${port} (${what}) ${why}.` });
  }
  if (taken.length === 0) return;
  const moved = { ...ports };
  for (const { name, port } of taken) moved[name] = await freeNear(port, used);
  const command = `${variablesFor(moved)} npm start`;
  throw new Fault(
    taken.length === 1
      ? `${taken[0].text} Stop that one, or use another port: ${command}`
      : `${taken.map(({ text }) => text).join('\n')}\nStop what has them, or use other ports:\n  ${command}`,
  );
}

/** The next thousand in which the port is nobody’s. */
async function freeNear(port, used) {
  for (let next = port + 1_000; next <= 65_535; next += 1_000) {
    if (used.has(next) || (await whyTaken(next))) continue;
    used.set(next, 'suggested');
    return next;
  }
  return freePort();
}

/** The variables of all ports that are not where they are by default, as a shell wants them before a command. */
function variablesFor(ports) {
  const moved = PORTS.filter(({ name, fallback }) => ports[name] !== fallback);
  const texts = moved.map(({ name, variable }) => {
    if (name === 'stripe') return `${variable}=http://127.0.0.1:${ports.stripe}`;
    return UPSTREAMS.includes(name) ? `${variable}=${UPSTREAMS.map((upstream) => ports[upstream]).join(',')}` : `${variable}=${ports[name]}`;
  });
  return [...new Set(texts)].join(' ');
}

/** The environment of the three roles and of every tool that works beside them. */
export function environmentFor({ ports, dataDir, secrets, mongoUri, redisUrl, env }) {
  const simulator = !env.STRIPE_SECRET_KEY;
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const upstreams = UPSTREAMS.map((name) => `127.0.0.1:${ports[name]}`);
  return {
    NODE_ENV: 'development',
    SANDBOX: '1',
    WEB_URL: `http://localhost:${ports.web}`,
    GATEWAY_URL: `http://127.0.0.1:${ports.gateway}`,
    ...secrets,
    ...given,
    DATA_DIR: dataDir,
    WEB_PORT: String(ports.web),
    GATEWAY_PORT: String(ports.gateway),
    WEB_OPS_PORT: String(ports.webOps),
    GATEWAY_OPS_PORT: String(ports.gatewayOps),
    WORKER_OPS_PORT: String(ports.workerOps),
    UPSTREAM_PORTS: UPSTREAMS.map((name) => ports[name]).join(','),
    UPSTREAM_ALLOW: [...(given.UPSTREAM_ALLOW ?? '').split(',').filter(Boolean), ...upstreams].join(','),
    MONGODB_URI: mongoUri,
    REDIS_URL: redisUrl,
    ...(simulator ? { STRIPE_API_BASE: `http://127.0.0.1:${ports.stripe}` } : {}),
  };
}

/** The browser of the journeys: `CHROMIUM_PATH`, else what PATH offers. Undefined when there is none. */
export function findChromium(env = process.env) {
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
  const paths = (env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  return [env.CHROMIUM_PATH, ...paths].filter(Boolean).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
