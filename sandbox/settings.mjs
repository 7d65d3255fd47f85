import { delimiter, join } from 'node:path';
import { accessSync, constants } from 'node:fs';
import { isFree } from './processes/ports.mjs';
import { Fault } from './setup/say.mjs';

const UPSTREAMS = ['countries', 'cities', 'currencies', 'httpbin'];

/** Every port the marketplace opens: what it is for, the variable that moves it, and where it is. */
export const PORTS = [
  { name: 'web', variable: 'WEB_PORT', fallback: 3000, what: 'the portal' },
  { name: 'gateway', variable: 'GATEWAY_PORT', fallback: 8080, what: 'the gateway' },
  { name: 'webOps', variable: 'WEB_OPS_PORT', fallback: 3001, what: 'health of the portal' },
  { name: 'gatewayOps', variable: 'GATEWAY_OPS_PORT', fallback: 8081, what: 'health of the gateway' },
  { name: 'workerOps', variable: 'WORKER_OPS_PORT', fallback: 3002, what: 'health of the worker' },
  { name: 'stripe', variable: 'STRIPE_API_BASE', fallback: 3100, what: 'the Stripe simulator', example: (port) => `STRIPE_API_BASE=http://127.0.0.1:${port}` },
  ...UPSTREAMS.map((name, index) => ({
    name,
    variable: 'UPSTREAM_PORTS',
    fallback: 3201 + index,
    what: `the demo’s ${name} server`,
    example: (port) => `UPSTREAM_PORTS=${UPSTREAMS.map((_, other) => (other === index ? port : 3201 + other)).join(',')}`,
  })),
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
  return Object.fromEntries(
    PORTS.map(({ name, variable, fallback }) => {
      const port = texts[name] ? Number(texts[name]) : fallback;
      if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Fault(`${variable} is not a port: ${texts[name]}`);
      return [name, port];
    }),
  );
}

const simulatorPort = (env) => /^http:\/\/(?:127\.0\.0\.1|localhost):(\d+)\/?$/.exec(env.STRIPE_API_BASE ?? '')?.[1];

/** @throws Fault of one line: which port, and the variable that changes it */
export async function checkPorts(ports, { simulator }) {
  const used = new Map();
  for (const { name, variable, what, example = (port) => `${variable}=${port}` } of PORTS) {
    const port = ports[name];
    if (name === 'stripe' && !simulator) continue;
    if (used.has(port)) throw new Fault(`Port ${port} is wanted twice: for ${used.get(port)} and for ${what}. Set ${variable} to another one.`);
    used.set(port, what);
    if (!(await isFree(port)))
      throw new Fault(`Port ${port} (${what}) is taken by another program. Stop that one, or use another port: ${example(port + 1000)} npm start`);
  }
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
