import { startStripeSimulator } from './server.ts';

/** `PORT` or STRIPE_SIM_PORT [3100], DATA_DIR [.local], WEBHOOK_URL, WEBHOOK_SECRET. */
const { PORT, STRIPE_SIM_PORT, DATA_DIR = '.local', WEBHOOK_URL, WEBHOOK_SECRET, NODE_ENV } = process.env;

if (NODE_ENV === 'production') {
  console.error('The Stripe simulator takes no part in production. Set STRIPE_SECRET_KEY to use Stripe.');
  process.exit(78);
}

const port = Number(STRIPE_SIM_PORT ?? PORT ?? 3100);
const simulator = await startStripeSimulator({
  port,
  dataDir: DATA_DIR,
  ...(WEBHOOK_URL && { webhookUrl: WEBHOOK_URL }),
  ...(WEBHOOK_SECRET && { webhookSecret: WEBHOOK_SECRET }),
}).catch((error: unknown) => {
  console.error(
    error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' ? `Port ${port} is taken: stop what uses it, or set STRIPE_SIM_PORT.` : error,
  );
  process.exit(1);
});
console.log(`Stripe simulator on ${simulator.url} (test payments, no money moves)`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void simulator.close().then(() => process.exit(0)));
}
