import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findChromium, PORTS, portsFrom } from './settings.mjs';
import { whyUnwritable } from './processes/lock.mjs';
import { whyTaken } from './processes/ports.mjs';
import { checkNode, packagesInstalled } from './setup/node-modules.mjs';
import { readJson } from './setup/json.mjs';
import { dataDirOf, ROOT } from './setup/paths.mjs';
import { findPython, readStamp } from './setup/python.mjs';
import { run } from './setup/run.mjs';
import { readRunFile } from './marketplace.mjs';

const finding = (name, severity, text) => ({ name, severity, text });

const MARKS = { ok: '✓', warning: '!', fault: '✗' };

/** `npm run doctor`: what this machine offers, then what the product finds with the settings of the marketplace that runs here. */
export async function runDoctor(args) {
  const dataDir = dataDirOf(process.env);
  const running = readRunFile(dataDir);
  // Whoever names engines means a deployment of their own, whose every part is to be looked at; else npm start brings the parts.
  const deployment = Boolean(process.env.MONGODB_URI || process.env.NODE_ENV === 'production');
  const findings = await machineFindings({ dataDir, running, deployment });
  if (!packagesInstalled() || (!running && !deployment)) return report(findings, args);
  const env = running ? { ...process.env, ...running } : { ...readJson(join(dataDir, 'secrets.json')), ...process.env };
  const script = ['--import', 'tsx', join(ROOT, 'server', 'cli', 'doctor.ts'), '--with', JSON.stringify(findings), ...args];
  return spawnSync(process.execPath, script, { cwd: ROOT, env, stdio: 'inherit' }).status ?? 2;
}

/** As server/cli/doctor.ts tells it, which needs packages and a configuration. */
function report(findings, args) {
  const exit = Math.max(...findings.map(({ severity }) => Object.keys(MARKS).indexOf(severity)));
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify({ exit, findings }, null, 2)}\n`);
  else for (const { name, severity, text } of findings) process.stdout.write(`  ${MARKS[severity]} ${name.padEnd(16)} ${text}\n`);
  return exit;
}

async function machineFindings({ dataDir, running, deployment }) {
  const findings = [];
  const attempt = async (name, check, severity = 'fault') => {
    try {
      findings.push(finding(name, 'ok', await check()));
    } catch (fault) {
      findings.push(finding(name, severity, fault.message.split('\n')[0]));
    }
  };
  await attempt('Node', () => (checkNode(), process.versions.node));
  findings.push(
    packagesInstalled()
      ? finding('Packages', 'ok', 'as the lockfile says')
      : finding('Packages', 'warning', 'not installed as the lockfile says: npm start installs them'),
  );
  const venv = readStamp();
  const found = async (command) => (await run(command, ['--version'])).code === 0;
  const mongo = process.env.MONGODB_URI ? 'MONGODB_URI' : (await found('mongod')) && 'mongod on PATH';
  const redis = process.env.REDIS_URL ? 'REDIS_URL' : (await found('redis-server')) && 'redis-server on PATH';
  await attempt(
    'Python',
    async () => `${(await findPython()).version}${venv ? '; .local/venv is whole' : '; npm start makes .local/venv'}`,
    mongo && redis ? 'warning' : 'fault',
  );
  const chromium = findChromium();
  findings.push(chromium ? finding('Browser', 'ok', chromium) : finding('Browser', 'warning', 'none; npm run e2e needs one: apt-get install -y chromium'));
  await attempt('Data folder', () => {
    const problem = writeProblem(dataDir);
    if (problem) throw new Error(`${dataDir} cannot be written: ${problem}. DATA_DIR names another one`);
    return dataDir;
  });
  if (running) return [...findings, finding('Marketplace', 'ok', `started by npm start over ${dataDir}`)];
  if (deployment) return findings; // its parts are asked next
  // Without Python there is no built-in one: the finding of Python says what to install.
  const python = findings.every(({ name, severity }) => name !== 'Python' || severity === 'ok');
  const engine = (name, own) =>
    own || python
      ? finding(name, 'ok', own || (venv ? 'built-in' : 'built-in, npm start installs it'))
      : finding(name, 'fault', 'none on PATH, and the built-in one needs Python');
  findings.push(
    engine('MongoDB', mongo),
    engine('Redis', redis),
    finding('Stripe', 'ok', process.env.STRIPE_SECRET_KEY ? 'STRIPE_SECRET_KEY' : 'the simulator, since STRIPE_SECRET_KEY is not set'),
  );
  try {
    const ports = portsFrom(process.env);
    for (const { name, what, variable } of PORTS) {
      const why = await whyTaken(ports[name]);
      if (why) findings.push(finding(`Port ${ports[name]}`, 'warning', `wanted for ${what}, but it ${why}; ${variable} moves it`));
    }
  } catch (fault) {
    for (const text of fault.message.split('\n')) findings.push(finding('Ports', 'fault', text));
  }
  const world = readJson(join(dataDir, 'demo.json')) ? 'its data is there' : 'it has no data yet';
  findings.push(finding('Marketplace', 'warning', `does not run over ${dataDir} (${world}); npm start starts it`));
  return findings;
}

/** Asked of the folder, or of the one in which it would be made. */
function writeProblem(folder) {
  try {
    if (!existsSync(folder)) return writeProblem(dirname(folder));
    if (!statSync(folder).isDirectory()) return 'a part of its path is a file';
    accessSync(folder, constants.W_OK);
    return undefined;
  } catch (error) {
    return whyUnwritable(error) ?? error.message;
  }
}
