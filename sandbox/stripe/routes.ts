import type { Endpoint } from './endpoint.ts';
import { balance } from './resources/balance.ts';
import { checkoutSessions } from './resources/checkout-sessions.ts';
import { customers } from './resources/customers.ts';
import { events } from './resources/events.ts';
import { invoiceItems } from './resources/invoice-items.ts';
import { invoices } from './resources/invoices.ts';
import { paymentMethods } from './resources/payment-methods.ts';
import { payments } from './resources/payments.ts';
import { setupIntents } from './resources/setup-intents.ts';

export const ENDPOINTS: readonly Endpoint[] = [
  ...balance,
  ...checkoutSessions,
  ...customers,
  ...events,
  ...invoiceItems,
  ...invoices,
  ...paymentMethods,
  ...payments,
  ...setupIntents,
];

const ROUTES = ENDPOINTS.map((endpoint) => ({
  endpoint,
  pattern: new RegExp(`^${endpoint.path.replaceAll('.', '\\.').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`),
}));

export interface Route {
  endpoint: Endpoint;
  /** The ids in the address, by name. */
  named: Record<string, string>;
}

export function routeOf(method: string, path: string): Route | null {
  for (const { endpoint, pattern } of ROUTES) {
    const match = endpoint.method === method ? pattern.exec(path) : null;
    if (match) return { endpoint, named: Object.fromEntries(Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)])) };
  }
  return null;
}
