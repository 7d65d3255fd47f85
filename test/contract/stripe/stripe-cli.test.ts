import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { TEST_KEY, testStripe, type TestStripe } from '../../support/stripe.ts';

/** The package that carries the program whole; its sister with an install script is not needed. */
const STRIPE_CLI = '@stripe/cli-linux-x64@1.52.0';
const FOLDER = join(import.meta.dirname, '../../../.local/stripe-cli');
const PROGRAM = join(FOLDER, 'node_modules/@stripe/cli-linux-x64/bin/stripe');
const INSTALL_MS = 300_000;
const run = promisify(execFile);

/** Of the events that the program knows how to bring about, those of the objects that the product uses. */
const TRIGGERS = [
  'customer.created',
  'customer.deleted',
  'customer.updated',
  'invoice.created',
  'invoice.deleted',
  'invoice.finalized',
  'invoice.marked_uncollectible',
  'invoice.paid',
  'invoice.payment_action_required',
  'invoice.payment_failed',
  'invoice.payment_succeeded',
  'invoice.updated',
  'invoice.voided',
  'invoiceitem.created',
  'payment_method.attached',
  'payment_method.detached',
  'setup_intent.canceled',
  'setup_intent.created',
  'setup_intent.succeeded',
];

/** Stripe's own command-line program makes its fixtures at the simulator instead of at Stripe. Every answer is compared with Stripe's description as well. */
describe('the Stripe CLI against the simulator', function () {
  this.timeout(60_000);
  let stripe: TestStripe;
  before(async function () {
    this.timeout(INSTALL_MS);
    if (!existsSync(PROGRAM)) {
      mkdirSync(FOLDER, { recursive: true });
      execFileSync('npm', ['install', '--prefix', FOLDER, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', STRIPE_CLI], { stdio: 'inherit' });
    }
    stripe = await testStripe();
  });
  after(() => stripe?.close());

  for (const type of TRIGGERS) {
    it(`brings ${type} about`, async () => {
      const before = (await stripe.sdk.events.list({ type, limit: 100 })).data.length;
      await run(PROGRAM, ['trigger', type, '--api-base', stripe.url, '--api-key', TEST_KEY], {
        env: { PATH: process.env['PATH'], HOME: FOLDER, XDG_CONFIG_HOME: FOLDER, STRIPE_CLI_TELEMETRY_OPTOUT: '1' },
      });
      expect((await stripe.sdk.events.list({ type, limit: 100 })).data.length).to.be.greaterThan(before);
    });
  }

  it('is refused what the product does not use, by name', async () => {
    const refused = await run(PROGRAM, ['trigger', 'payment_intent.succeeded', '--api-base', stripe.url, '--api-key', TEST_KEY], {
      env: { PATH: process.env['PATH'], HOME: FOLDER, XDG_CONFIG_HOME: FOLDER, STRIPE_CLI_TELEMETRY_OPTOUT: '1' },
    }).then(
      () => '',
      ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
    );
    expect(refused).to.contain('Unrecognized request URL (POST: /v1/payment_intents)');
  });
});
