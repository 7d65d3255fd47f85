import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync, mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';
import { lockDataDir } from '../../sandbox/processes/lock.mjs';
import { readable } from '../../sandbox/processes/log-lines.mjs';
import { freePort, freePorts, isFree } from '../../sandbox/processes/ports.mjs';
import { checkPorts, environmentFor, PORTS, portsFrom } from '../../sandbox/settings.mjs';
import { checkNode } from '../../sandbox/setup/node-modules.mjs';
import { sandboxSecrets } from '../../sandbox/setup/secrets.mjs';

const ROOT = projectRoot();
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const until = async (probe: () => boolean): Promise<void> => {
  while (!probe()) await new Promise((resolve) => setTimeout(resolve, 25));
};
const messageOf = (work: () => unknown): string => {
  try {
    work();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('the one command', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tollgate-sandbox-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('names the Node it needs', () => {
    for (const old of ['18.20.0', '20.18.9']) expect(messageOf(() => checkNode(old))).to.match(/needs Node 20\.19 or newer; this is Node/);
    for (const good of ['20.19.0', '22.0.0', '24.1.0']) expect(messageOf(() => checkNode(good))).to.equal('');
  });

  describe('ports', () => {
    let other: Server;
    let taken: number;
    beforeEach(async () => {
      other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      taken = (other.address() as { port: number }).port;
    });
    afterEach(() => other.close());

    it('says in one line which port is taken, what wants it, and the variable that moves it', async () => {
      const found = await freePorts(PORTS.length);
      const free = Object.fromEntries((PORTS as { name: string }[]).map(({ name }, index) => [name, found[index]]));
      for (const { name, variable } of PORTS as { name: string; variable: string }[]) {
        const message = await checkPorts({ ...free, [name]: taken }, { simulator: true }).then(
          () => '',
          (error: Error) => error.message,
        );
        expect(message.split('\n'), name).to.have.length(1);
        expect(message, name).to.include(`Port ${taken} `).and.to.include(`${variable}=`);
      }
      expect(await checkPorts(free, { simulator: true })).to.equal(undefined);
      expect(await isFree(taken)).to.equal(false);
    });

    it('refuses one port for two purposes', async () => {
      const found = await freePorts(PORTS.length);
      const ports = Object.fromEntries((PORTS as { name: string }[]).map(({ name }, index) => [name, found[name === 'gateway' ? 0 : index]]));
      expect(
        await checkPorts(ports, { simulator: true }).then(
          () => '',
          (error: Error) => error.message,
        ),
      ).to.include('wanted twice');
    });

    it('reads them from the environment, with the defaults that are promised', () => {
      expect(portsFrom({})).to.deep.equal({
        web: 3000,
        gateway: 8080,
        webOps: 3001,
        gatewayOps: 8081,
        workerOps: 3002,
        stripe: 3100,
        countries: 3201,
        cities: 3202,
        currencies: 3203,
        httpbin: 3204,
      });
      expect(portsFrom({ PORT: '5000', STRIPE_API_BASE: 'http://127.0.0.1:5100', UPSTREAM_PORTS: '1,2,3,4' })).to.include({
        web: 5000,
        gateway: 8080,
        stripe: 5100,
        cities: 2,
        httpbin: 4,
      });
      expect(messageOf(() => portsFrom({ WEB_PORT: 'http' }))).to.include('WEB_PORT is not a port');
    });
  });

  it('makes its secrets once, for its owner only, and says so when they are damaged', () => {
    const first = sandboxSecrets(folder);
    expect(sandboxSecrets(folder)).to.deep.equal(first);
    expect(Buffer.from(String(first.SECRET_KEYS).split(':')[1] ?? '', 'base64')).to.have.length(32);
    writeFileSync(join(folder, 'secrets.json'), '{"SECRET');
    expect(messageOf(() => sandboxSecrets(folder))).to.include('is damaged');
  });

  it('gives the roles what config.ts wants, and keeps what the shell says', () => {
    const env = environmentFor({
      ports: portsFrom({}),
      dataDir: folder,
      secrets: sandboxSecrets(folder),
      mongoUri: 'mongodb://127.0.0.1:1/x',
      redisUrl: 'redis://127.0.0.1:1',
      env: { LATENESS_SECONDS: '5', UPSTREAM_ALLOW: '127.0.0.1:9' },
    });
    expect(env).to.include({ WEB_URL: 'http://localhost:3000', STRIPE_API_BASE: 'http://127.0.0.1:3100', LATENESS_SECONDS: '5', SANDBOX: '1' });
    expect(String(env.UPSTREAM_ALLOW).split(',')).to.have.members(['127.0.0.1:9', '127.0.0.1:3201', '127.0.0.1:3202', '127.0.0.1:3203', '127.0.0.1:3204']);
    expect(
      environmentFor({ ports: portsFrom({}), dataDir: folder, secrets: {}, mongoUri: '', redisUrl: '', env: { STRIPE_SECRET_KEY: 'sk_test_mine' } }),
    ).to.not.have.property('STRIPE_API_BASE');
  });

  it('lets one start have a data folder, and takes over from one that was killed', () => {
    const release = lockDataDir(folder);
    expect(messageOf(() => lockDataDir(folder))).to.include(`process ${process.pid}`);
    release();
    writeFileSync(join(folder, 'start.lock'), JSON.stringify({ pid: 2 ** 22 + 1, born: '1' }));
    lockDataDir(folder)();
    writeFileSync(join(folder, 'start.lock'), JSON.stringify({ pid: process.pid, born: 'another life of this number' }));
    lockDataDir(folder)();
    writeFileSync(join(folder, 'start.lock'), '');
    lockDataDir(folder)();
    expect(existsSync(join(folder, 'start.lock'))).to.equal(false);
  });

  it('shows a line of JSON log as a person reads it, and any other line as it is', () => {
    const plainly = (line: string) => String(readable('web', line)).replaceAll(/\u001b\[\d+m/g, ''); // on a terminal it is coloured
    const line = plainly(JSON.stringify({ level: 50, time: '2026-11-24T06:07:08.900Z', role: 'web', msg: 'stopped', port: 3000, err: { stack: 'Error: no' } }));
    expect(line).to.match(/^web +06:07:08 error stopped port=3000 Error: no$/);
    for (const plain of ['hello', '{"a":1}', 'null', '{']) expect(plainly(plain)).to.equal(`web       ${plain}`);
  });

  describe('when it dies', () => {
    /** A start that launches a program which itself starts another, and stays. */
    async function startAndStay(): Promise<{ parent: ChildProcess; pids: number[]; scratch: string }> {
      const pidFile = join(folder, 'pids');
      const scratch = join(folder, 'scratch');
      mkdirSync(scratch);
      const inner = `const c = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']); require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, process.pid + ' ' + c.pid); setInterval(() => {}, 1000)`;
      const outer = `
        const { makeChildren, ORDER } = await import(${JSON.stringify(join(ROOT, 'sandbox', 'processes', 'children.mjs'))});
        const children = makeChildren();
        children.throwaway(${JSON.stringify(scratch)});
        children.launch({ name: 'inner', command: process.execPath, args: ['-e', ${JSON.stringify(inner)}], order: ORDER.roles, graceMs: 2000 });
        setInterval(() => {}, 1000);`;
      const parent = spawn(process.execPath, ['--input-type=module', '-e', outer], { stdio: 'inherit' });
      await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').includes(' '));
      return { parent, pids: readFileSync(pidFile, 'utf8').split(' ').map(Number), scratch };
    }

    it('leaves nothing behind even after kill -9: no program, no throwaway folder', async () => {
      const { parent, pids, scratch } = await startAndStay();
      expect(pids.every(alive)).to.equal(true);
      parent.kill('SIGKILL');
      await until(() => !pids.some(alive) && !existsSync(scratch));
    });

    it('takes what a killed program had started with it', async () => {
      const { parent, pids } = await startAndStay();
      process.kill(pids[0] ?? 0, 'SIGKILL');
      await until(() => !alive(pids[1] ?? 0));
      parent.kill('SIGKILL');
    });
  });

  it('answers an unknown mode with those it knows', async () => {
    const child = spawn(process.execPath, [join(ROOT, 'sandbox', 'start.mjs'), 'nonsense'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).to.equal(1);
    expect(said).to.include('Unknown: nonsense. Known: start, doctor, build, seed, bench, test, test:contract, e2e.');
  });

  it('finds a port that nobody has', async () => expect(await isFree(await freePort())).to.equal(true));
});
