import Stripe from 'stripe';
import { AppError } from '../kernel/errors.ts';
import { HANDLED_EVENT_TYPES, toInboundEvent } from './events.ts';
import { mapStripeError, outcomeOfRefusal } from './failures.ts';
import { hostOf, isStripeHost, isTestMode } from './keys.ts';
import { addFee, checkoutOf, feeOf, invoiceOf, lineOf, methodOf, safeNumber } from './mapping.ts';
import type { Checkout, FeeAmount, PaymentOutcome, Payments, StripeInvoice } from './port.ts';

export type * from './port.ts';
export { isStripeHost, isTestMode };

/** The version our requests and webhook endpoints are pinned to: the one this SDK was made for. */
export const STRIPE_API_VERSION = '2026-08-26.dahlia';

const TIMEOUT_MS = 20_000;
const RETRIES = 2;
const REACHABLE_TIMEOUT_MS = 2_000;
/** An invoice has at most this many lines for us; more means something is wrong. */
const LINES_MAX = 5_000;
/** Of one customer, when an invoice is looked for by its metadata. */
const INVOICES_SEARCHED_MAX = 5_000;
const PAGE = 100;

export interface PaymentsOptions {
  secretKey: string;
  /** Such as `http://127.0.0.1:3100`; absent: Stripe itself. */
  apiBase?: string | undefined;
  timeoutMs?: number;
  retries?: number;
}

/** The port, spoken to Stripe by the official SDK. */
export function makePayments({ secretKey, apiBase, timeoutMs = TIMEOUT_MS, retries = RETRIES }: PaymentsOptions): Payments {
  const stripe = new Stripe(secretKey, {
    apiVersion: STRIPE_API_VERSION,
    timeout: timeoutMs,
    maxNetworkRetries: retries,
    telemetry: false,
    appInfo: { name: 'Tollgate' },
    ...(apiBase !== undefined && hostOf(apiBase)),
  });

  /** Run a request; whatever goes wrong leaves as an AppError. */
  async function ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw mapStripeError(error);
    }
  }

  async function whole(invoice: Stripe.Invoice): Promise<StripeInvoice> {
    const lines = invoice.lines.data.map(lineOf);
    // An invoice carries its first lines only; the rest is fetched page by page.
    if (invoice.lines.has_more) {
      lines.length = 0;
      for await (const line of stripe.invoices.listLineItems(invoice.id, { limit: PAGE })) {
        if (lines.push(lineOf(line)) > LINES_MAX) throw new AppError('internal', undefined, { cause: `${invoice.id} has more than ${LINES_MAX} lines` });
      }
    }
    return invoiceOf(invoice, lines);
  }

  const readInvoice = (id: string): Promise<StripeInvoice> => ask(async () => whole(await stripe.invoices.retrieve(id)));
  /** Move an invoice on from a status; one that has left it by now is answered as it stands. */
  async function moveFrom(status: StripeInvoice['status'], id: string, request: () => Promise<Stripe.Invoice>): Promise<StripeInvoice> {
    try {
      return await whole(await request());
    } catch (error) {
      const present = error instanceof Stripe.errors.StripeInvalidRequestError && error.code !== 'resource_missing' ? await readInvoice(id) : null;
      if (present && present.status !== status) return present;
      throw mapStripeError(error);
    }
  }

  const readCheckout = (id: string): Promise<Checkout> =>
    ask(async () => checkoutOf(await stripe.checkout.sessions.retrieve(id, { expand: ['setup_intent'] })));

  return {
    testMode: isTestMode(secretKey),

    ensureCustomer: ({ organizationId, email, name }) =>
      ask(async () => {
        // By metadata among those of this address first: the idempotency key is forgotten after a day, the customer is not.
        for await (const customer of stripe.customers.list({ email, limit: PAGE })) {
          if (customer.metadata.tollgate_organization !== organizationId) continue;
          if (customer.name !== name) await stripe.customers.update(customer.id, { name });
          return customer.id;
        }
        // The key holds the body's variable parts: a changed address is another request, not a replay with other parameters.
        const created = await stripe.customers.create(
          { email, name, metadata: { tollgate_organization: organizationId } },
          { idempotencyKey: `customer.${organizationId}.${email}.${name}`.slice(0, 255) },
        );
        return created.id;
      }),

    createSetupCheckout: ({ subscriptionId, customerId, successUrl, cancelUrl, expiresAt, idempotencyKey }) =>
      ask(async () =>
        checkoutOf(
          await stripe.checkout.sessions.create(
            {
              mode: 'setup',
              customer: customerId,
              payment_method_types: ['card'],
              client_reference_id: subscriptionId,
              metadata: { tollgate_subscription: subscriptionId },
              setup_intent_data: { metadata: { tollgate_subscription: subscriptionId } },
              success_url: successUrl,
              cancel_url: cancelUrl,
              expires_at: Math.floor(expiresAt / 1000),
              expand: ['setup_intent'],
            },
            { idempotencyKey },
          ),
        ),
      ),

    readCheckout,

    async expireCheckout(checkoutId) {
      try {
        return checkoutOf(await stripe.checkout.sessions.expire(checkoutId, { expand: ['setup_intent'] }));
      } catch (error) {
        // Complete or expired in the meantime: its present state is the answer.
        const present = error instanceof Stripe.errors.StripeInvalidRequestError && error.code !== 'resource_missing' ? await readCheckout(checkoutId) : null;
        if (present && present.status !== 'open') return present;
        throw mapStripeError(error);
      }
    },

    readPaymentMethod: (id) => ask(async () => methodOf(await stripe.paymentMethods.retrieve(id))),

    setDefaultPaymentMethod: ({ customerId, paymentMethodId }) =>
      ask(async () => {
        await stripe.customers.update(customerId, { invoice_settings: { default_payment_method: paymentMethodId } });
      }),

    async detachPaymentMethod(id) {
      try {
        await stripe.paymentMethods.detach(id);
      } catch (error) {
        const present =
          error instanceof Stripe.errors.StripeInvalidRequestError && error.code !== 'resource_missing'
            ? await ask(() => stripe.paymentMethods.retrieve(id))
            : null;
        if (present?.customer === null) return;
        throw mapStripeError(error);
      }
    },

    createInvoice: ({ customerId, currency, description, metadata, paymentMethodId, idempotencyKey }) =>
      ask(async () =>
        whole(
          await stripe.invoices.create(
            {
              customer: customerId,
              currency,
              auto_advance: false,
              collection_method: 'charge_automatically',
              pending_invoice_items_behavior: 'exclude',
              metadata,
              ...(description !== undefined && { description }),
              ...(paymentMethodId !== undefined && { default_payment_method: paymentMethodId }),
            },
            { idempotencyKey },
          ),
        ),
      ),

    addInvoiceItem: ({ stripeInvoiceId, customerId, amountMinor, currency, description, lineKey, idempotencyKey }) => {
      const amount = safeNumber(amountMinor);
      return ask(
        async () =>
          (
            await stripe.invoiceItems.create(
              {
                customer: customerId,
                invoice: stripeInvoiceId,
                amount,
                currency,
                description,
                // Discounts are lines of ours; Stripe must take nothing off.
                discountable: false,
                metadata: { tollgate_line: lineKey },
              },
              { idempotencyKey },
            )
          ).id,
      );
    },

    readInvoice,

    finalizeInvoice: ({ stripeInvoiceId, number, idempotencyKey }) =>
      moveFrom('draft', stripeInvoiceId, async () => {
        const present = await stripe.invoices.retrieve(stripeInvoiceId);
        if (present.status !== 'draft') return present;
        if (present.number !== number) await stripe.invoices.update(stripeInvoiceId, { number }, { idempotencyKey: `${idempotencyKey}.number` });
        return stripe.invoices.finalizeInvoice(stripeInvoiceId, { auto_advance: false }, { idempotencyKey });
      }),

    markUncollectible: ({ stripeInvoiceId, idempotencyKey }) =>
      moveFrom('open', stripeInvoiceId, () => stripe.invoices.markUncollectible(stripeInvoiceId, {}, { idempotencyKey })),

    async payInvoice({ stripeInvoiceId, paymentMethodId, idempotencyKey }): Promise<PaymentOutcome> {
      try {
        const invoice = await stripe.invoices.pay(stripeInvoiceId, paymentMethodId === undefined ? {} : { payment_method: paymentMethodId }, {
          idempotencyKey,
        });
        return { kind: 'paid', invoice: await whole(invoice) };
      } catch (error) {
        if (!(error instanceof Stripe.errors.StripeError)) throw mapStripeError(error);
        // Only a settled answer is looked behind: with Stripe away the next question would fail as well.
        const settled = error.statusCode === 400 || error.statusCode === 402;
        const invoice = settled && error.code !== 'resource_missing' ? await readInvoice(stripeInvoiceId) : null;
        if (invoice?.status === 'paid') return { kind: 'paid', invoice };
        const refusal = invoice && outcomeOfRefusal(error, invoice);
        if (refusal) return refusal;
        throw mapStripeError(error);
      }
    },

    readProcessingFee: (stripeInvoiceId) =>
      ask(async () => {
        const amounts: FeeAmount[] = [];
        for await (const { payment } of stripe.invoicePayments.list({ invoice: stripeInvoiceId, status: 'paid', limit: PAGE })) {
          if (payment.type !== 'payment_intent' || payment.payment_intent === undefined) continue;
          const intentId = typeof payment.payment_intent === 'string' ? payment.payment_intent : payment.payment_intent.id;
          const { latest_charge: charge } = await stripe.paymentIntents.retrieve(intentId, { expand: ['latest_charge.balance_transaction'] });
          const transaction = typeof charge === 'object' ? charge?.balance_transaction : null;
          // Captured in the background: Stripe answers before it knows what it keeps.
          if (transaction === null || typeof transaction !== 'object') return { kind: 'pending' };
          addFee(amounts, feeOf(transaction));
        }
        return { kind: 'known', amounts };
      }),

    async voidInvoice({ stripeInvoiceId, idempotencyKey }) {
      try {
        return await whole(await stripe.invoices.voidInvoice(stripeInvoiceId, {}, { idempotencyKey }));
      } catch (error) {
        const present =
          error instanceof Stripe.errors.StripeInvalidRequestError && error.code !== 'resource_missing' ? await readInvoice(stripeInvoiceId) : null;
        if (present?.status === 'void') return present;
        if (present) throw new AppError('conflict', `The invoice is ${present.status} at Stripe and cannot be voided.`, { cause: error });
        throw mapStripeError(error);
      }
    },

    async discardDraft(stripeInvoiceId) {
      try {
        await stripe.invoices.del(stripeInvoiceId);
      } catch (error) {
        if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw mapStripeError(error);
        if (error.code === 'resource_missing') return;
        throw new AppError('conflict', 'The invoice is no longer a draft at Stripe.', { cause: error });
      }
    },

    findInvoiceByMetadata: ({ customerId, key, value }) =>
      ask(async () => {
        let seen = 0;
        for await (const invoice of stripe.invoices.list({ customer: customerId, limit: PAGE })) {
          if (invoice.status !== 'void' && invoice.metadata?.[key] === value) return whole(invoice);
          if (++seen >= INVOICES_SEARCHED_MAX)
            throw new AppError('internal', undefined, { cause: `${customerId} has more than ${INVOICES_SEARCHED_MAX} invoices` });
        }
        return null;
      }),

    async *listEvents({ since }) {
      try {
        for await (const event of stripe.events.list({ created: { gte: Math.floor(since / 1000) }, types: [...HANDLED_EVENT_TYPES], limit: PAGE }))
          yield toInboundEvent(event);
      } catch (error) {
        throw mapStripeError(error);
      }
    },

    readBalance: () =>
      ask(async () => {
        const { available, pending } = await stripe.balance.retrieve();
        const sums = (entries: Stripe.Balance.Available[]) => Object.fromEntries(entries.map(({ currency, amount }) => [currency, BigInt(amount)]));
        return { availableMinor: sums(available), pendingMinor: sums(pending) };
      }),

    async reachable() {
      try {
        await stripe.balance.retrieve({}, { timeout: REACHABLE_TIMEOUT_MS, maxNetworkRetries: 0 });
        return true;
      } catch {
        // The answer is the point: whoever asks wants to know, not to fail.
        return false;
      }
    },
  };
}
