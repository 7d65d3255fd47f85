/**
 * What is configured, reachable, missing: `npm run doctor`, in a deployment `node dist/server/cli/doctor.js`.
 * `--json` for programs; `--with JSON` adds findings made before. Exit 0: well, 1: warnings, 2: faults, 78: configuration.
 */
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '../config.ts';
import { checkMail, checkMongo, checkRedis, checkRoles, checkStripe, finding, type Finding, type Severity } from './doctor-checks.ts';
import { makeClock } from '../kernel/clock.ts';

const EXIT_CONFIGURATION = 78;
const EXITS: Readonly<Record<Severity, number>> = { ok: 0, warning: 1, fault: 2 };
const MARKS: Readonly<Record<Severity, string>> = { ok: '✓', warning: '!', fault: '✗' };

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, with: { type: 'string', default: '[]' } } });
const findings = JSON.parse(values.with) as Finding[];

function report(exit: number): never {
  if (values.json) console.log(JSON.stringify({ exit, findings }, null, 2));
  else for (const { name, severity, text } of findings) console.log(`  ${MARKS[severity]} ${name.padEnd(16)} ${text}`);
  process.exit(exit);
}

try {
  const config = loadConfig();
  const { real } = makeClock();
  findings.push(
    finding(
      'Configuration',
      'ok',
      config.production ? 'production' : `development${config.sandbox ? ', sandbox on' : ''}; portal ${config.webUrl}, gateway ${config.gatewayUrl}`,
    ),
  );
  const parts = await Promise.all([checkMongo(config, real), checkRedis(config), checkStripe(config), checkMail(config), checkRoles(config)]);
  findings.push(...parts.flat());
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  findings.push(...error.faults.map((fault) => finding('Configuration', 'fault', fault)));
  report(EXIT_CONFIGURATION);
}
report(Math.max(...findings.map(({ severity }) => EXITS[severity])));
