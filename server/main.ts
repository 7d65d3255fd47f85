import { compose, type Composition } from './compose.ts';
import { ConfigError, loadConfig } from './config.ts';
import { startGateway, startJobs, startWeb } from './roles.ts';
import { startFault } from './start-fault.ts';

const ROLES: Readonly<Record<string, readonly ((composition: Composition) => Promise<unknown>)[]>> = {
  all: [startWeb, startGateway, startJobs],
  gateway: [startGateway],
  web: [startWeb],
  worker: [startJobs],
};

const EXIT_CONFIGURATION = 78;
const role = process.argv[2] ?? '';
const starts = ROLES[role];
if (!starts) {
  process.stderr.write(`usage: main.js ${Object.keys(ROLES).join(' | ')}\n`);
  process.exit(64);
}

try {
  const composition = await compose(loadConfig(), role);
  const { lifecycle, log } = composition;
  const stop = (signal: string) => {
    log.info({ signal }, 'stopping');
    void lifecycle.stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  for (const start of starts) await start(composition);
} catch (error) {
  if (error instanceof ConfigError) {
    process.stderr.write(`Configuration faults:\n${error.faults.map((fault) => `  ${fault}\n`).join('')}`);
    process.exit(EXIT_CONFIGURATION);
  }
  const fault = startFault(error);
  if (fault) process.stderr.write(`The ${role} role cannot start: ${fault}\n`);
  else process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
