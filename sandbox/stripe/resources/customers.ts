import { addressFields, listOf, named, one, previousOf, type Endpoint } from '../endpoint.ts';
import { invalid } from '../faults.ts';
import { fields, integer, mergeMetadata, metadata, oneOf, text } from '../parameters.ts';
import type { Customer } from '../things.ts';
import type { Tx } from '../world.ts';
import { attach, resolvePaymentMethod } from './payment-methods.ts';

const details = {
  address: addressFields,
  balance: integer(),
  description: text({ clearable: true }),
  email: text({ max: 512, clearable: true }),
  invoice_settings: fields({ default_payment_method: text({ clearable: true }), footer: text({ clearable: true }) }),
  metadata: metadata(),
  name: text({ max: 256, clearable: true }),
  phone: text({ clearable: true }),
  tax_exempt: oneOf(['none', 'exempt', 'reverse']),
};

/** A customer who is still there. */
export function liveCustomer(tx: Tx, id: string, param = 'customer'): Customer {
  const customer = tx.get('customer', id, param);
  if (customer.deleted) throw invalid(`No such customer: '${id}'`, { code: 'resource_missing', param });
  return customer;
}

export const customers: Endpoint[] = [
  one('POST', '/v1/customers', { ...details, payment_method: text() }, (tx, params) => {
    const customer: Customer = {
      id: tx.id('cus_', 14),
      object: 'customer',
      address: null,
      balance: 0,
      created: tx.now,
      currency: null,
      default_source: null,
      delinquent: false,
      description: null,
      email: null,
      invoice_prefix: tx.id('', 8).toUpperCase(),
      invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
      livemode: false,
      metadata: {},
      name: null,
      next_invoice_sequence: 1,
      phone: null,
      preferred_locales: [],
      shipping: null,
      tax_exempt: 'none',
      test_clock: null,
    };
    tx.put('customer', customer);
    if (params.payment_method !== undefined) attach(tx, resolvePaymentMethod(tx, params.payment_method), customer.id);
    change(tx, customer, params);
    tx.emit('customer.created', tx.put('customer', customer));
    return customer;
  }),
  one('GET', '/v1/customers/{customer}', {}, (tx, _, { customer }) => named(tx, 'customer', customer!)),
  one('POST', '/v1/customers/{customer}', details, (tx, params, { customer: id }) => {
    const before = named(tx, 'customer', id!);
    if (before.deleted) throw invalid(`No such customer: '${id}'`, { code: 'resource_missing', param: 'id' });
    const customer = structuredClone(before);
    change(tx, customer, params);
    tx.put('customer', customer);
    tx.emit('customer.updated', customer, previousOf(tx, before, customer));
    return customer;
  }),
  one('DELETE', '/v1/customers/{customer}', {}, (tx, _, { customer: id }) => {
    const customer = named(tx, 'customer', id!);
    if (customer.deleted) throw invalid(`No such customer: '${id}'`, { code: 'resource_missing', param: 'id' });
    tx.emit('customer.deleted', customer);
    return tx.put('customer', { ...customer, deleted: true });
  }),
  listOf('/v1/customers', 'customer', { email: text() }, (customer, { email }) => !customer.deleted && (email === undefined || customer.email === email)),
];

interface Change {
  address?: object;
  balance?: number;
  description?: string;
  email?: string;
  invoice_settings?: { default_payment_method?: string; footer?: string };
  metadata?: Record<string, string> | null;
  name?: string;
  phone?: string;
  tax_exempt?: string;
}

function change(tx: Tx, customer: Customer, params: Change): void {
  for (const field of ['description', 'email', 'name', 'phone'] as const) if (params[field] !== undefined) customer[field] = params[field] || null;
  if (customer.email !== null && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(customer.email))
    throw invalid(`Invalid email address: ${customer.email}`, { code: 'email_invalid', param: 'email' });
  if (params.address) customer.address = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null, ...params.address };
  if (params.balance !== undefined) customer.balance = params.balance;
  if (params.tax_exempt !== undefined) customer.tax_exempt = params.tax_exempt;
  customer.metadata = mergeMetadata(customer.metadata, params.metadata);
  const { default_payment_method: method, footer } = params.invoice_settings ?? {};
  if (footer !== undefined) customer.invoice_settings.footer = footer || null;
  if (method === undefined) return;
  if (method !== '' && tx.get('payment_method', method, 'invoice_settings[default_payment_method]').customer !== customer.id) {
    throw invalid('The customer does not have a payment method with the ID ' + method + '. The payment method must be attached to the customer.', {
      code: 'resource_missing',
      param: 'invoice_settings[default_payment_method]',
    });
  }
  customer.invoice_settings.default_payment_method = method || null;
}
