import { AUTHENTICATION_FAILED, cardOf, type Decline } from '../cards.ts';
import { listOf, named, one, type Endpoint } from '../endpoint.ts';
import type { StripeFault } from '../faults.ts';
import { invalid } from '../faults.ts';
import { boolean, fields, list, mergeMetadata, metadata, oneOf, text } from '../parameters.ts';
import type { PaymentMethod, SetupIntent } from '../things.ts';
import { view } from '../view.ts';
import type { Tx } from '../world.ts';
import { liveCustomer } from './customers.ts';
import { attach, declined, resolvePaymentMethod } from './payment-methods.ts';

const MISSING_METHOD =
  'You cannot confirm this SetupIntent because it’s missing a payment method. You can either update the SetupIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.';

export function newSetupIntent(
  tx: Tx,
  { customer = null, description = null, usage = 'off_session' }: { customer?: string | null; description?: string | null; usage?: string },
): SetupIntent {
  const id = tx.id('seti_1');
  const intent: SetupIntent = {
    id,
    object: 'setup_intent',
    application: null,
    automatic_payment_methods: null,
    cancellation_reason: null,
    client_secret: `${id}_secret_${tx.id('', 30)}`,
    created: tx.now,
    customer,
    customer_account: null,
    description,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: false,
    mandate: null,
    metadata: {},
    next_action: null,
    on_behalf_of: null,
    payment_method: null,
    payment_method_configuration_details: null,
    payment_method_options: { card: { mandate_options: null, network: null, request_three_d_secure: 'automatic' } },
    payment_method_types: ['card'],
    single_use_mandate: null,
    status: 'requires_payment_method',
    usage,
    $returnUrl: null,
  };
  tx.emit('setup_intent.created', tx.put('setup_intent', intent));
  return intent;
}

/** Save the card: succeeded, requires_action (3-D Secure), or a decline. @throws StripeFault 402, with what was written kept */
export function confirmSetup(tx: Tx, intent: SetupIntent, method: PaymentMethod): SetupIntent {
  if (intent.status === 'succeeded') throw unexpected(tx, intent, 'You cannot confirm this SetupIntent because it has already succeeded.');
  if (intent.status === 'canceled') throw unexpected(tx, intent, 'You cannot confirm this SetupIntent because it has been canceled.');
  if (method.customer !== null && method.customer !== intent.customer) {
    throw invalid(
      `The PaymentMethod ${method.id} does not belong to the Customer you supplied ${intent.customer}. Please use this PaymentMethod with the Customer that it belongs to instead.`,
      { param: 'payment_method' },
    );
  }
  const card = cardOf(method.$number)!;
  if (card.declines === 'setup') throw failSetup(tx, intent, method, card.decline!);
  intent.payment_method = method.id;
  intent.last_setup_error = null;
  if (card.threeDSecure && !method.$authenticated) {
    intent.status = 'requires_action';
    tx.emit('setup_intent.requires_action', tx.put('setup_intent', intent));
    return intent;
  }
  return succeedSetup(tx, intent, method);
}

export function succeedSetup(tx: Tx, intent: SetupIntent, method: PaymentMethod): SetupIntent {
  intent.status = 'succeeded';
  if (intent.customer !== null) attach(tx, method, intent.customer);
  tx.emit('setup_intent.succeeded', tx.put('setup_intent', intent));
  return intent;
}

/** The buyer's answer on the 3-D Secure page. */
export function answerSetupChallenge(tx: Tx, intent: SetupIntent, approved: boolean): SetupIntent {
  if (intent.status !== 'requires_action') return intent;
  const method = tx.get('payment_method', intent.payment_method!);
  if (approved) {
    method.$authenticated = true;
    return succeedSetup(tx, intent, tx.put('payment_method', method));
  }
  failSetup(tx, intent, method, { ...AUTHENTICATION_FAILED, code: 'setup_intent_authentication_failure' });
  return intent;
}

function failSetup(tx: Tx, intent: SetupIntent, method: PaymentMethod, decline: Decline): StripeFault {
  intent.status = 'requires_payment_method';
  intent.payment_method = null;
  const error = { code: decline.code, decline_code: decline.declineCode, message: decline.message, payment_method: view(tx, method), type: 'card_error' };
  intent.last_setup_error = error;
  tx.emit('setup_intent.setup_failed', tx.put('setup_intent', intent));
  return declined(decline, { keep: true, objects: { setup_intent: view(tx, intent) } });
}

const unexpected = (tx: Tx, intent: SetupIntent, message: string): StripeFault =>
  invalid(message, { code: 'setup_intent_unexpected_state', objects: { setup_intent: view(tx, intent) } });

export const setupIntents: Endpoint[] = [
  one(
    'POST',
    '/v1/setup_intents',
    {
      automatic_payment_methods: fields({ enabled: boolean(), allow_redirects: oneOf(['always', 'never']) }),
      confirm: boolean(),
      customer: text(),
      description: text(),
      metadata: metadata(),
      payment_method: text(),
      payment_method_types: list(oneOf(['card'])),
      return_url: text(),
      usage: oneOf(['off_session', 'on_session']),
    },
    (tx, params) => {
      if (params.return_url !== undefined && !params.confirm)
        throw invalid('You must set `confirm=true` when specifying `return_url`.', { param: 'return_url' });
      if (params.customer !== undefined) liveCustomer(tx, params.customer);
      const intent = newSetupIntent(tx, params);
      intent.metadata = mergeMetadata({}, params.metadata);
      intent.$returnUrl = params.return_url ?? null;
      const method = params.payment_method === undefined ? null : resolvePaymentMethod(tx, params.payment_method);
      if (method) Object.assign(intent, { payment_method: method.id, status: 'requires_confirmation' });
      tx.put('setup_intent', intent);
      if (!params.confirm) return intent;
      if (!method) throw unexpected(tx, intent, MISSING_METHOD);
      return confirmSetup(tx, intent, method);
    },
  ),
  one('GET', '/v1/setup_intents/{intent}', { client_secret: text() }, (tx, _, { intent }) => named(tx, 'setup_intent', intent!)),
  one('POST', '/v1/setup_intents/{intent}/confirm', { payment_method: text(), return_url: text() }, (tx, params, { intent: id }) => {
    const intent = named(tx, 'setup_intent', id!);
    const methodId = params.payment_method ?? intent.payment_method;
    if (methodId === null) throw unexpected(tx, intent, MISSING_METHOD);
    if (params.return_url !== undefined) intent.$returnUrl = params.return_url;
    return confirmSetup(tx, intent, resolvePaymentMethod(tx, methodId));
  }),
  one(
    'POST',
    '/v1/setup_intents/{intent}/cancel',
    { cancellation_reason: oneOf(['abandoned', 'requested_by_customer', 'duplicate']) },
    (tx, params, { intent: id }) => {
      const intent = named(tx, 'setup_intent', id!);
      if (intent.status === 'succeeded' || intent.status === 'canceled') {
        throw unexpected(
          tx,
          intent,
          `You cannot cancel this SetupIntent because it has a status of ${intent.status}. Only a SetupIntent with one of the following statuses may be canceled: requires_payment_method, requires_confirmation, requires_action.`,
        );
      }
      Object.assign(intent, { status: 'canceled', cancellation_reason: params.cancellation_reason ?? null });
      tx.emit('setup_intent.canceled', tx.put('setup_intent', intent));
      return intent;
    },
  ),
  listOf(
    '/v1/setup_intents',
    'setup_intent',
    { customer: text(), payment_method: text() },
    (intent, { customer, payment_method: method }) =>
      (customer === undefined || intent.customer === customer) && (method === undefined || intent.payment_method === method),
  ),
];
