import { expect } from 'chai';
import { ConfigError, loadConfig } from '../../server/config.ts';

const PRODUCTION = {
  NODE_ENV: 'production',
  SESSION_SECRET: 'only for tests, thirty-two characters',
  SECRET_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
  STRIPE_SECRET_KEY: 'sk_live_x',
  STRIPE_WEBHOOK_SECRET: 'whsec_x',
  SMTP_URL: 'smtp://mail.example.test',
  WEB_URL: 'https://portal.example.test',
  GATEWAY_URL: 'https://gateway.example.test',
};

const allFaults = (environment: Record<string, string>): readonly string[] => {
  try {
    loadConfig(environment);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults;
  }
};
const faultsOf = (change: Record<string, string>): readonly string[] => allFaults({ ...PRODUCTION, ...change });

describe('configuration in production', () => {
  it('has the sandbox off unless asked, and refuses to turn it on', () => {
    expect(loadConfig(PRODUCTION)).to.include({ production: true, sandbox: false });
    expect(faultsOf({ SANDBOX: '1' }).join()).to.include('SANDBOX: refused in production');
  });

  it('F38: holds every secret of the webhook while one is rotated, and knows a live key', () => {
    const { stripe } = loadConfig({ ...PRODUCTION, STRIPE_WEBHOOK_SECRET: 'whsec_old, whsec_new' });
    expect(stripe).to.deep.include({ webhookSecrets: ['whsec_old', 'whsec_new'], testMode: false, apiBase: '' });
    expect(loadConfig({ ...PRODUCTION, STRIPE_SECRET_KEY: 'sk_test_x' }).stripe.testMode).to.equal(true);
  });

  for (const [what, change, fault] of [
    ['a stand-in for Stripe', { STRIPE_API_BASE: 'http://127.0.0.1:3100', STRIPE_SECRET_KEY: 'sk_test_x' }, 'STRIPE_API_BASE: refused in production'],
    ['a live key at a stand-in', { STRIPE_API_BASE: 'http://127.0.0.1:3100' }, 'a live key never goes to a simulator'],
    ['a stand-in on another machine', { STRIPE_API_BASE: 'http://stripe.example.test:3100' }, 'only a simulator on this machine'],
    ['the mailbox that everybody can read', { SMTP_URL: '' }, 'SMTP_URL: needed in production'],
    ['a portal in clear', { WEB_URL: 'http://portal.example.test' }, 'WEB_URL: https is needed'],
    ['a gateway on the portal’s host, which would share its cookies', { GATEWAY_URL: 'https://portal.example.test:8443' }, 'another host name'],
    ['a short session secret', { SESSION_SECRET: 'short' }, 'SESSION_SECRET'],
    ['an encryption key of the wrong length', { SECRET_KEYS: `k1:${Buffer.alloc(16).toString('base64')}` }, 'SECRET_KEYS'],
    ['webhooks that anybody could sign', { STRIPE_WEBHOOK_SECRET: '' }, 'STRIPE_WEBHOOK_SECRET'],
    ['more proxies than there can be', { TRUSTED_HOPS: '11' }, 'TRUSTED_HOPS'],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(faultsOf(change).join()).to.include(fault);
    });
  }
});

const GOOD = {
  SECRET_KEYS: PRODUCTION.SECRET_KEYS,
  SESSION_SECRET: PRODUCTION.SESSION_SECRET,
  STRIPE_SECRET_KEY: 'sk_test_x',
  STRIPE_WEBHOOK_SECRET: PRODUCTION.STRIPE_WEBHOOK_SECRET,
};
const namesOf = (environment: Record<string, string>): string[] => allFaults(environment).map((fault) => fault.split(':')[0] ?? '');

describe('configuration', () => {
  it('takes what npm start sets', () => expect(loadConfig(GOOD)).to.include({ production: false, sandbox: true, webPort: 3000, gatewayPort: 8080 }));

  it('names every fault at once: those of single variables and those between them', () => {
    expect(namesOf({ MONGODB_URI: 'nonsense', REDIS_URL: 'http://x', WEB_PORT: 'http', STRIPE_SECRET_KEY: 'pk_test_1' })).to.have.members([
      'MONGODB_URI',
      'REDIS_URL',
      'WEB_PORT',
      'STRIPE_SECRET_KEY',
      'SESSION_SECRET',
      'SECRET_KEYS',
      'STRIPE_WEBHOOK_SECRET',
    ]);
  });

  it('says a fault in words, once for each variable', () => {
    expect(allFaults({ ...GOOD, MONGODB_URI: 'nonsense', SMTP_URL: 'mail.example.com', WEB_URL: 'tollgate.example' })).to.deep.equal([
      'WEB_URL: an address that begins with http:// or https://',
      'MONGODB_URI: begins with mongodb:// or mongodb+srv://',
      'SMTP_URL: begins with smtp:// or smtps://',
    ]);
    expect(namesOf({ ...GOOD, NODE_ENV: 'production', WEB_URL: 'nowhere', SMTP_URL: 'smtp://mail.example.com' })).to.deep.equal(['WEB_URL']);
  });

  it('reads private addresses: as they are given out, and where they are opened', () => {
    expect(loadConfig(GOOD).gatewayPrivateListen).to.deep.equal([]);
    const text = '10.0.0.5:9000, Private.Example:9001=[::1]:9100, [fd00::5]:443';
    expect(loadConfig({ ...GOOD, GATEWAY_PRIVATE_LISTEN: text }).gatewayPrivateListen).to.deep.equal([
      { address: '10.0.0.5:9000', host: '10.0.0.5', port: 9000 },
      { address: 'private.example:9001', host: '::1', port: 9100 },
      { address: '[fd00::5]:443', host: 'fd00::5', port: 443 },
    ]);
    for (const wrong of ['9000', '10.0.0.5', '10.0.0.5:0', '10.0.0.5:65536', 'a:1=b:2=c:3', 'http://a:1', '10.0.0.5:9000, 10.0.0.5:9000=127.0.0.1:1'])
      expect(namesOf({ ...GOOD, GATEWAY_PRIVATE_LISTEN: wrong }), wrong).to.deep.equal(['GATEWAY_PRIVATE_LISTEN']);
  });

  it('takes a secret or a restricted key of Stripe and no other', () => {
    for (const key of ['sk_test_1', 'sk_live_1', 'rk_live_1']) expect(allFaults({ ...GOOD, STRIPE_SECRET_KEY: key }), key).to.deep.equal([]);
    for (const key of ['pk_test_1', 'pk_live_1', 'whsec_1', 'x'])
      expect(namesOf({ ...GOOD, STRIPE_SECRET_KEY: key }), key).to.deep.equal(['STRIPE_SECRET_KEY']);
  });
});
