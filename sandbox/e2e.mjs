import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startMarketplace } from './marketplace.mjs';
import { freePorts } from './processes/ports.mjs';
import { findChromium, PORTS } from './settings.mjs';
import { ROOT } from './setup/paths.mjs';
import { Fault } from './setup/say.mjs';
import { runTests } from './tests.mjs';

/** `npm run e2e`: the whole marketplace on free ports over a throwaway data folder, then the journeys in a real browser. */
export async function runJourneys(args) {
  const chromium = findChromium();
  if (!chromium) throw new Fault('The journeys need a browser: apt-get install -y chromium');
  if (!readdirSync(join(ROOT, 'test', 'e2e')).some((name) => name.endsWith('.test.ts'))) throw new Fault('test/e2e holds no journey.');
  return runTests('e2e', args, {
    async prepare({ children, dataDir, env }) {
      const [privatePort, issuerPort, ...found] = await freePorts(PORTS.length + 2);
      const ports = Object.fromEntries(PORTS.map(({ name }, index) => [name, found[index]]));
      const rest = { ...env, PORT: '', GATEWAY_PRIVATE_LISTEN: `127.0.0.1:${privatePort}`, UPSTREAM_ALLOW: `127.0.0.1:${issuerPort}` }; // every port is given
      const marketplace = await startMarketplace({ ports, dataDir, env: { ...rest, LOG_LEVEL: env.LOG_LEVEL ?? 'warn' }, children });
      return { ...marketplace.env, CHROMIUM_PATH: chromium, DEMO_FILE: join(dataDir, 'demo.json'), ISSUER_PORT: String(issuerPort) };
    },
  });
}
