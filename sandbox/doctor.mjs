import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentFor, findChromium, PORTS, portsFrom } from './settings.mjs';
import { isFree } from './processes/ports.mjs';
import { checkNode, packagesInstalled } from './setup/node-modules.mjs';
import { dataDirOf, ROOT } from './setup/paths.mjs';
import { findPython, readStamp } from './setup/python.mjs';
import { run } from './setup/run.mjs';
import { readRunFile } from './marketplace.mjs';

const finding = (name, severity, text) => ({ name, severity, text });

/** `npm run doctor`: what this machine offers, then what the product finds with the settings of the marketplace that runs here. */
export async function runDoctor(args) {
  const dataDir = dataDirOf(process.env);
  const running = readRunFile(dataDir);
  const findings = await machineFindings(running);
  if (!packagesInstalled()) {
    for (const { name, text } of findings) process.stdout.write(`  ${name.padEnd(18)} ${text}\n`);
    return 2;
  }
  const env = running ? { ...process.env, ...running } : settingsOf(dataDir);
  findings.push(
    finding(
      'Marketplace',
      running ? 'ok' : 'warning',
      running ? `started by npm start over ${dataDir}` : 'not started by npm start; looking at the settings of this shell',
    ),
  );
  const script = ['--import', 'tsx', join(ROOT, 'server', 'cli', 'doctor.ts'), '--with', JSON.stringify(findings), ...args];
  return spawnSync(process.execPath, script, { cwd: ROOT, env, stdio: 'inherit' }).status ?? 2;
}

async function machineFindings(running) {
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
      : finding('Packages', 'fault', 'not installed as the lockfile says: npm start installs them'),
  );
  const venv = readStamp();
  const found = async (command) => (await run(command, ['--version'])).code === 0;
  const engines = [process.env.MONGODB_URI || (await found('mongod')), process.env.REDIS_URL || (await found('redis-server'))].every(Boolean);
  await attempt(
    'Python',
    async () => `${(await findPython()).version}${venv ? '; .local/venv is whole' : '; npm start makes .local/venv'}`,
    engines ? 'warning' : 'fault',
  );
  const chromium = findChromium();
  findings.push(chromium ? finding('Browser', 'ok', chromium) : finding('Browser', 'warning', 'none; npm run e2e needs one: apt-get install -y chromium'));
  if (!running) {
    const ports = portsFrom(process.env);
    for (const { name, what, variable } of PORTS) {
      if (!(await isFree(ports[name])))
        findings.push(finding(`Port ${ports[name]}`, 'warning', `${what} wants it, another program has it; ${variable} moves it`));
    }
  }
  return findings;
}

/** Without a marketplace that runs: this shell's settings, completed by the keys an earlier start left. */
function settingsOf(dataDir) {
  const file = join(dataDir, 'secrets.json');
  const secrets = existsSync(file) && !process.env.SESSION_SECRET ? JSON.parse(readFileSync(file, 'utf8')) : {};
  if (process.env.MONGODB_URI || !existsSync(file)) return { ...secrets, ...process.env };
  return environmentFor({
    ports: portsFrom(process.env),
    dataDir,
    secrets,
    mongoUri: enginesOf(dataDir).mongo,
    redisUrl: enginesOf(dataDir).redis,
    env: process.env,
  });
}

function enginesOf(dataDir) {
  const file = join(dataDir, 'engines.json');
  const { mongo = 27017, redis = 6379 } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  return { mongo: `mongodb://127.0.0.1:${mongo}/tollgate?directConnection=true`, redis: `redis://127.0.0.1:${redis}` };
}
