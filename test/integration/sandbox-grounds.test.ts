import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';
import { checkGiven } from '../../sandbox/engines/given.mjs';
import { lockDataDir, runsOver } from '../../sandbox/processes/lock.mjs';
import { freePort, freePorts, isFree } from '../../sandbox/processes/ports.mjs';
import { checkPorts, PORTS } from '../../sandbox/settings.mjs';
import { readJson } from '../../sandbox/setup/json.mjs';
import { installedMatches } from '../../sandbox/setup/node-modules.mjs';

const ROOT = projectRoot();
const START = join(ROOT, 'sandbox', 'start.mjs');
const DEAD = { pid: 2 ** 22 + 1, born: '1' };
const inSandbox = (...path: string[]): string => JSON.stringify(join(ROOT, 'sandbox', ...path));

const messageOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

async function ended(child: ChildProcess): Promise<{ code: number | null; said: string }> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += String(chunk)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

const command = (mode: string, env: Record<string, string>, ...args: string[]) =>
  ended(spawn(process.execPath, [START, mode, ...args], { env: { ...process.env, MONGODB_URI: '', REDIS_URL: '', NO_COLOR: '1', ...env }, cwd: ROOT }));

describe('the one command on bad ground', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tollgate-grounds-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('names every port that is taken, and one command that moves them all to free ones', async () => {
    const found = await freePorts(PORTS.length);
    const ports: Record<string, number> = Object.fromEntries((PORTS as { name: string }[]).map(({ name }, index) => [name, found[index] ?? 0]));
    const others = await Promise.all(
      ['web', 'cities'].map(async (name) => {
        const server = createServer().listen(ports[name], '127.0.0.1');
        await once(server, 'listening');
        return server;
      }),
    );
    try {
      const message = await messageOf(() => checkPorts(ports, { simulator: true }));
      expect(message).to.include(`Port ${ports.web} (the portal) is taken`).and.to.include(`Port ${ports.cities} (the demo’s cities server) is taken`);
      const suggested = message.split('\n').at(-1) ?? '';
      expect(suggested)
        .to.match(/ npm start$/)
        .and.to.include(`GATEWAY_PORT=${ports.gateway} `);
      const web = Number(/WEB_PORT=(\d+)/.exec(suggested)?.[1]);
      const [countries, cities] = (/UPSTREAM_PORTS=([\d,]+)/.exec(suggested)?.[1] ?? '').split(',').map(Number);
      expect(countries).to.equal(ports.countries);
      expect([web === ports.web, cities === ports.cities, await isFree(web), await isFree(cities ?? 0)]).to.deep.equal([false, false, true, true]);
    } finally {
      for (const server of others) server.close();
    }
  });

  it('refuses settings with exit 78 and every fault at once, before it installs or makes anything', async () => {
    const dataDir = join(folder, 'data');
    const { code, said } = await command('start', { WEB_PORT: 'http', GATEWAY_OPS_PORT: '99999', DATA_DIR: dataDir });
    expect(said)
      .to.include('WEB_PORT is not a port: http')
      .and.to.include('GATEWAY_OPS_PORT is not a port: 99999')
      .and.not.match(/^ +at /m);
    expect(code).to.equal(78);
    expect(readdirSync(dataDir)).to.deep.equal([]);
  });

  it('says why the data folder cannot be written, without a stack', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await messageOf(() => lockDataDir(file))).to.include(`${file} cannot be written: it is a file`);
    const { code, said } = await command('start', { DATA_DIR: join(file, 'below') });
    expect(said)
      .to.include('cannot be written: a part of its path is a file')
      .and.not.match(/^ +at /m);
    expect(code).to.equal(1);
  });

  it('names each server that was given and does not answer, without its password', async () => {
    const [mongo, redis] = await freePorts(2);
    const message = await messageOf(() =>
      checkGiven({ MONGODB_URI: `mongodb://me:secret@127.0.0.1:${mongo}/x`, REDIS_URL: `redis://:secret@127.0.0.1:${redis}` }),
    );
    expect(message)
      .to.include(`MONGODB_URI: mongodb://127.0.0.1:${mongo}/x cannot be used`)
      .and.to.include(`REDIS_URL: redis://127.0.0.1:${redis} cannot be used`);
    expect(message).to.not.include('secret');
    expect(await messageOf(() => checkGiven({}))).to.equal('');
    expect(await messageOf(() => checkGiven({ MONGODB_URI: process.env['MONGODB_URI'], REDIS_URL: process.env['REDIS_URL'] }))).to.equal('');
  });

  it('takes a damaged note of npm, and a package that was removed, for an installation that is not whole', () => {
    const lock = { packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } };
    expect(installedMatches(lock, folder)).to.equal(false);
    const whole = JSON.stringify(lock);
    writeFileSync(join(folder, '.package-lock.json'), whole);
    expect(installedMatches(lock, folder), 'noted, but not there').to.equal(false);
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a', 'package.json'), '{}');
    expect(installedMatches(lock, folder)).to.equal(true);
    for (let cut = 0; cut < whole.length; cut += 1) {
      writeFileSync(join(folder, '.package-lock.json'), whole.slice(0, cut));
      expect(installedMatches(lock, folder), `cut at ${cut}`).to.equal(false);
    }
  });

  it('lets one of many starts take over from a killed one', async () => {
    const contender = `
      const { lockDataDir } = await import(${inSandbox('processes', 'lock.mjs')});
      process.stdin.once('data', () => {
        try { lockDataDir(${JSON.stringify(folder)}); console.log('mine'); } catch (error) { console.log(error.message); }
      });
      process.stdin.on('end', () => process.exit(0));
      console.log('ready');`;
    for (let round = 0; round < 5; round += 1) {
      writeFileSync(join(folder, 'start.lock'), round % 2 ? '' : JSON.stringify(DEAD));
      const children = Array.from({ length: 4 }, () =>
        spawn(process.execPath, ['--input-type=module', '-e', contender], { stdio: ['pipe', 'pipe', 'inherit'] }),
      );
      const line = async (child: (typeof children)[number]): Promise<string> => String((await once(child.stdout, 'data'))[0]).trim();
      await Promise.all(children.map(line));
      const answers = Promise.all(children.map(line));
      for (const child of children) child.stdin.write('go');
      const said = await answers;
      expect(said.filter((text) => text === 'mine')).to.have.length(1);
      expect(said.filter((text) => text.startsWith('Tollgate already runs over'))).to.have.length(3);
      expect(runsOver(folder)).to.equal(true);
      const gone = Promise.all(children.map((child) => once(child, 'close')));
      for (const child of children) child.stdin.end();
      await gone;
      expect(runsOver(folder)).to.equal(false);
      expect(readdirSync(folder)).to.deep.equal(['start.lock']);
    }
  });

  it('ends an installation with the start that was killed', async () => {
    const pidFile = join(folder, 'pid');
    const tool = `require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid) + '\\n'); setInterval(() => {}, 1000)`;
    const script = `const { install } = await import(${inSandbox('setup', 'run.mjs')}); await install(process.execPath, ['-e', ${JSON.stringify(tool)}]);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    const pause = () => new Promise((resolve) => setTimeout(resolve, 25));
    while (!existsSync(pidFile) || !readFileSync(pidFile, 'utf8').includes('\n')) await pause();
    const pid = Number(readFileSync(pidFile, 'utf8'));
    parent.kill('SIGKILL');
    for (;;) {
      try {
        process.kill(pid, 0);
      } catch {
        break;
      }
      await pause();
    }
  });

  it('reads what was written to its end, and nothing else', () => {
    const file = join(folder, 'some.json');
    expect(readJson(file)).to.equal(undefined);
    writeFileSync(file, '{"a":1');
    expect(readJson(file)).to.equal(undefined);
    writeFileSync(file, '{"a":1}');
    expect(readJson(file)).to.deep.equal({ a: 1 });
  });

  describe('npm run doctor', () => {
    const doctor = async (dataDir: string, env: Record<string, string> = {}) => {
      const { code, said } = await command('doctor', { DATA_DIR: dataDir, ...env }, '--json');
      const { exit, findings } = JSON.parse(said) as { exit: number; findings: { name: string; severity: string; text: string }[] };
      expect(exit).to.equal(code);
      return { exit, of: (name: string) => findings.find((finding) => finding.name === name) };
    };

    it('before the first start says what it will bring, and makes nothing', async () => {
      const dataDir = join(folder, 'none');
      const { of } = await doctor(dataDir);
      expect(of('Marketplace')).to.include({ severity: 'warning' });
      expect(of('Marketplace')?.text).to.include('has no data yet').and.to.include('npm start');
      expect(of('MongoDB')?.severity).to.equal('ok');
      expect(of('Configuration')).to.equal(undefined);
      expect(existsSync(dataDir)).to.equal(false);
    });

    it('does not believe what a killed start left, damaged or whole', async () => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'start.lock'), JSON.stringify(DEAD));
      for (const text of ['{"WEB_URL":"http://localhost:3000"}', '{"WEB_U']) {
        writeFileSync(join(folder, 'run.json'), text);
        writeFileSync(join(folder, 'secrets.json'), text);
        const { of } = await doctor(folder);
        expect(of('Marketplace')?.text).to.include('does not run over');
      }
      expect(readdirSync(folder).sort()).to.deep.equal(['run.json', 'secrets.json', 'start.lock']);
    });

    it('names the ports that are refused and the folder that cannot be written', async () => {
      writeFileSync(join(folder, 'file'), '');
      const { exit, of } = await doctor(join(folder, 'file', 'x'), { WEB_PORT: 'http' });
      expect(exit).to.equal(2);
      expect(of('Ports')?.text).to.include('WEB_PORT is not a port');
      expect(of('Data folder')?.text).to.include('cannot be written');
    });

    it('looks at a deployment whose servers are named, and says which do not answer', async () => {
      const [mongo, redis] = [await freePort(), await freePort()];
      const { exit, of } = await doctor(folder, {
        MONGODB_URI: `mongodb://127.0.0.1:${mongo}/x`,
        REDIS_URL: `redis://127.0.0.1:${redis}`,
        SECRET_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
        SESSION_SECRET: 'x'.repeat(32),
        STRIPE_SECRET_KEY: 'sk_test_1',
        STRIPE_WEBHOOK_SECRET: 'whsec_1',
        STRIPE_API_BASE: `http://127.0.0.1:${await freePort()}`,
      });
      expect(exit).to.equal(2);
      expect([of('Configuration')?.severity, of('MongoDB')?.severity, of('Redis')?.severity, of('Stripe')?.severity]).to.deep.equal([
        'ok',
        'fault',
        'fault',
        'fault',
      ]);
    });
  });
});
