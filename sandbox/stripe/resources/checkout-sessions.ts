import { listOf, named, one, type Endpoint } from '../endpoint.ts';
import { invalid } from '../faults.ts';
import { fields, integer, list, mergeMetadata, metadata, oneOf, required, text } from '../parameters.ts';
import type { CheckoutSession, PaymentMethod } from '../things.ts';
import type { Tx } from '../world.ts';
import { liveCustomer } from './customers.ts';
import { confirmSetup, newSetupIntent } from './setup-intents.ts';

const EXPIRES_MIN_SECONDS = 30 * 60;
const EXPIRES_MAX_SECONDS = 24 * 3600;
/** The caller's clock and ours differ a little; Stripe, too, forgives seconds. */
const EXPIRES_SLACK_SECONDS = 60;

const address = (value: string, param: string): string => {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (!url || !/^https?:$/.test(url.protocol)) throw invalid('Not a valid URL', { code: 'url_invalid', param });
  return value;
};

export const checkoutSessions: Endpoint[] = [
  one(
    'POST',
    '/v1/checkout/sessions',
    {
      cancel_url: text(),
      client_reference_id: text({ max: 200 }),
      currency: text({ max: 3 }),
      customer: text(),
      customer_email: text({ max: 512 }),
      expires_at: integer(),
      locale: oneOf(['auto', 'en']),
      metadata: metadata(),
      mode: required(oneOf(['setup', 'payment', 'subscription'])),
      payment_method_types: list(oneOf(['card'])),
      setup_intent_data: fields({ description: text(), metadata: metadata() }),
      success_url: text(),
      ui_mode: oneOf(['hosted_page']),
    },
    (tx, params) => {
      if (params.mode !== 'setup') throw invalid(`This simulator opens Checkout with mode=setup only, not ${params.mode}.`, { param: 'mode' });
      if (params.success_url === undefined)
        throw invalid('Missing required param: success_url.', { code: 'parameter_missing', param: 'success_url', early: true });
      if (params.payment_method_types === undefined && params.currency === undefined) {
        throw invalid('You must specify `currency` when `payment_method_types` is not set in `setup` mode.', { code: 'parameter_missing', param: 'currency' });
      }
      if (params.customer !== undefined && params.customer_email !== undefined)
        throw invalid('You may only specify one of these parameters: customer, customer_email.', { param: 'customer_email' });
      const expiresAt = params.expires_at ?? tx.now + EXPIRES_MAX_SECONDS;
      if (expiresAt < tx.now + EXPIRES_MIN_SECONDS - EXPIRES_SLACK_SECONDS)
        throw invalid('The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.', { param: 'expires_at' });
      if (expiresAt > tx.now + EXPIRES_MAX_SECONDS + EXPIRES_SLACK_SECONDS)
        throw invalid('The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.', { param: 'expires_at' });
      const customer = params.customer === undefined ? null : liveCustomer(tx, params.customer);
      const intent = newSetupIntent(tx, { customer: customer?.id ?? null, description: params.setup_intent_data?.description ?? null });
      intent.metadata = mergeMetadata({}, params.setup_intent_data?.metadata);
      tx.put('setup_intent', intent);
      const session: CheckoutSession = {
        id: tx.id('cs_test_a1', 56),
        object: 'checkout.session',
        adaptive_pricing: null,
        after_expiration: null,
        allow_promotion_codes: null,
        amount_subtotal: null,
        amount_total: null,
        automatic_tax: { enabled: false, liability: null, provider: null, status: null },
        billing_address_collection: null,
        cancel_url: params.cancel_url === undefined ? null : address(params.cancel_url, 'cancel_url'),
        client_reference_id: params.client_reference_id ?? null,
        client_secret: null,
        collected_information: null,
        consent: null,
        consent_collection: null,
        created: tx.now,
        currency: params.currency ?? null,
        currency_conversion: null,
        custom_fields: [],
        custom_text: { after_submit: null, shipping_address: null, submit: null, terms_of_service_acceptance: null },
        customer: customer?.id ?? null,
        customer_account: null,
        customer_creation: null,
        customer_details: {
          address: null,
          business_name: null,
          email: customer?.email ?? params.customer_email ?? null,
          individual_name: null,
          name: null,
          phone: null,
          tax_exempt: customer ? 'none' : null,
          tax_ids: customer ? [] : null,
        },
        customer_email: params.customer_email ?? null,
        discounts: null,
        excluded_payment_method_types: [],
        expires_at: expiresAt,
        invoice: null,
        invoice_creation: null,
        livemode: false,
        locale: params.locale ?? null,
        metadata: mergeMetadata({}, params.metadata),
        mode: 'setup',
        origin_context: null,
        payment_intent: null,
        payment_link: null,
        payment_method_collection: 'always',
        payment_method_configuration_details: null,
        payment_method_options: { card: { request_three_d_secure: 'automatic' } },
        payment_method_types: ['card'],
        payment_status: 'no_payment_required',
        permissions: null,
        phone_number_collection: { enabled: false },
        recovered_from: null,
        redirect_on_completion: 'always',
        saved_payment_method_options: null,
        setup_intent: intent.id,
        shipping_address_collection: null,
        shipping_cost: null,
        shipping_options: [],
        status: 'open',
        submit_type: null,
        subscription: null,
        success_url: address(params.success_url, 'success_url'),
        total_details: null,
        ui_mode: 'hosted_page',
        wallet_options: null,
      };
      return tx.put('checkout.session', session);
    },
  ),
  one('GET', '/v1/checkout/sessions/{session}', {}, (tx, _, { session }) => named(tx, 'checkout.session', session!)),
  one('POST', '/v1/checkout/sessions/{session}/expire', {}, (tx, _, { session: id }) => {
    const session = named(tx, 'checkout.session', id!);
    if (session.status !== 'open')
      throw invalid(`Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of ${session.status}.`);
    return expireSession(tx, session);
  }),
  listOf(
    '/v1/checkout/sessions',
    'checkout.session',
    { customer: text(), status: oneOf(['complete', 'expired', 'open']) },
    (session, { customer, status }) => (customer === undefined || session.customer === customer) && (status === undefined || session.status === status),
  ),
];

export function expireSession(tx: Tx, session: CheckoutSession): CheckoutSession {
  session.status = 'expired';
  const intent = tx.get('setup_intent', session.setup_intent);
  if (intent.status !== 'succeeded' && intent.status !== 'canceled') {
    Object.assign(intent, { status: 'canceled', cancellation_reason: 'abandoned' });
    tx.put('setup_intent', intent);
  }
  tx.emit('checkout.session.expired', tx.put('checkout.session', session));
  return session;
}

/** The buyer typed a card: complete, or waiting for 3-D Secure. @throws StripeFault 402 on a decline, the session stays open */
export function submitCard(tx: Tx, session: CheckoutSession, method: PaymentMethod): CheckoutSession {
  return completeIfSaved(tx, session, confirmSetup(tx, tx.get('setup_intent', session.setup_intent), method).status === 'succeeded');
}

export function completeIfSaved(tx: Tx, session: CheckoutSession, saved: boolean): CheckoutSession {
  if (!saved || session.status !== 'open') return session;
  session.status = 'complete';
  tx.emit('checkout.session.completed', tx.put('checkout.session', session));
  return session;
}
