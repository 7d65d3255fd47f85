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

const faultsOf = (change: Record<string, string>): readonly string[] => {
  try {
    loadConfig({ ...PRODUCTION, ...change });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults;
  }
};

describe('configuration in production', () => {
  it('has the sandbox off unless asked, and refuses to turn it on', () => {
    expect(loadConfig(PRODUCTION)).to.include({ production: true, sandbox: false });
    expect(faultsOf({ SANDBOX: '1' }).join()).to.include('SANDBOX: refused in production');
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
