import { givenUpAt, nextAttempt } from '../../domain/dunning.ts';
import { invoiceNumber } from '../../domain/invoice-words.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import type { Store } from '../../store/index.ts';
import type { InvoiceChange, InvoiceDoc, InvoiceStep } from '../../store/invoices.ts';
import type { PaymentOutcome, Payments, StripeInvoice } from '../../stripe/payments.ts';
import type { Earnings } from '../earnings.ts';
import type { Carry } from './carry.ts';
import { makeDraft } from './draft.ts';
import { giveNumber } from './numbering.ts';
import { makePayer } from './payer.ts';
import { makeWithdraw } from './withdraw.ts';
import { makeWriteOff } from './write-off.ts';

/** What an invoice's fate means for its subscription. Each may be called any number of times. */
export interface InvoiceFollowers {
  onInvoicePaid(invoice: InvoiceDoc): Promise<unknown>;
  onInvoiceFailed(invoice: InvoiceDoc, reason: string): Promise<unknown>;
  /** It is not tried any more. */
  onInvoiceGivenUp(invoice: InvoiceDoc): Promise<unknown>;
}

export interface CollectDependencies {
  readonly store: Pick<Store, 'accounts' | 'invoices' | 'subscriptions'>;
  readonly payments: Payments;
  readonly earnings: Earnings;
  readonly carry: Pick<Carry, 'release'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Asked for at each use: subscriptions need invoices as well. */
  readonly followers: () => InvoiceFollowers;
}

export type Collect = ReturnType<typeof makeCollect>;

/** Stripe forgets an idempotency key after a day: an older step looks its object up first (F7). */
const KEY_AGE_MS_MAX = 20 * 3_600_000;
/** A fee that Stripe does not know yet is asked for again after this long. */
const COSTING_AGAIN_MS = 600_000;
/** Steps of one invoice, and the writes another worker may win meanwhile. */
const MOVES_MAX = 40;

/** Nothing more happens by itself. */
const RESTING: ReadonlySet<InvoiceStep> = new Set(['waiting', 'review', 'done']);

/** Nothing to do for it before a later hour. */
export const isPutOff = ({ step, nextAttemptAt }: InvoiceDoc, now: number): boolean => step === 'costing' && nextAttemptAt !== null && nextAttemptAt > now;

/** Its tries and its days are over (rule N22); an invoice 0 has no subscription to end, and ends with its purchase. */
export const isGivenUp = (invoice: InvoiceDoc, now: number): boolean => {
  const at = invoice.step === 'waiting' && invoice.periodIndex > 0 ? givenUpAt(invoice) : null;
  return at !== null && at <= now;
};

/**
 * The way of an invoice through Stripe. Every step stores what it is about to do, asks under a key made of invoice, step and content, and
 * stores the result; so it can be cut short anywhere, repeated, and run by two workers at once.
 */
export function makeCollect({ store, payments, earnings, carry, clock, log, followers }: CollectDependencies) {
  const { customerOf, cardOf, attemptKeyOf } = makePayer({ store, payments });
  const writeOff = makeWriteOff({ store, earnings });

  async function read(id: string): Promise<InvoiceDoc> {
    const invoice = await store.invoices.get(id);
    if (!invoice) throw new AppError('not-found');
    return invoice;
  }

  const key = ({ _id, hash, remakes }: InvoiceDoc, ...parts: string[]): string =>
    [_id, ...(remakes > 0 ? [`again${remakes}`] : []), ...parts, hash.slice(0, 8)].join('.');
  const isOld = (invoice: InvoiceDoc): boolean => clock.now() - invoice.stepAt > KEY_AGE_MS_MAX;
  const move = (invoice: InvoiceDoc, step: InvoiceStep, change: InvoiceChange = {}): Promise<boolean> =>
    store.invoices.advance(invoice._id, invoice.step, { unsettled: !RESTING.has(step), ...change, step, stepAt: clock.now() });

  async function hold(invoice: InvoiceDoc, wrong: string): Promise<void> {
    const { _id: invoiceId, stripeInvoiceId } = invoice;
    log.error({ alarm: 'invoice-differs', invoiceId, stripeInvoiceId, wrong }, 'an invoice differs at Stripe; it was not finalized');
    await move(invoice, 'review', { status: 'needs_review', lastFailure: `At Stripe: ${wrong}` });
  }

  async function number(invoice: InvoiceDoc): Promise<void> {
    const now = clock.now();
    const nothingDue = invoice.chargeMinor === 0n;
    await giveNumber(store, invoice, nothingDue ? { step: 'booking', stepAt: now, status: 'paid', paidAt: now } : { step: 'finalizing', stepAt: now });
  }

  async function finalize(invoice: InvoiceDoc, stripeInvoiceId: string): Promise<void> {
    const found = await payments.finalizeInvoice({
      stripeInvoiceId,
      number: invoiceNumber(invoice.providerId, invoice.number ?? 0),
      idempotencyKey: key(invoice, 'finalize'),
    });
    await move(invoice, 'booking', { status: 'open', stripeUrl: found.hostedUrl });
  }

  async function book(invoice: InvoiceDoc): Promise<void> {
    await earnings.finalized(invoice);
    await move(invoice, invoice.status === 'paid' ? 'settling' : 'paying');
  }

  /** One attempt. It is looked first how the invoice stands: somebody may have paid it, or an attempt of ours may have been cut short. */
  async function pay(invoice: InvoiceDoc, stripeInvoiceId: string): Promise<void> {
    if (await mirror(invoice, await payments.readInvoice(stripeInvoiceId))) return;
    const card = await cardOf(invoice);
    const attemptKey = await attemptKeyOf(invoice);
    const outcome: PaymentOutcome =
      card === null
        ? { kind: 'declined', code: 'no_card', declineCode: null, hard: true, message: 'There is no card to collect from. Add one.' }
        : await payments.payInvoice({ stripeInvoiceId, paymentMethodId: card, idempotencyKey: key(invoice, 'pay', attemptKey) });
    if (outcome.kind === 'paid') return void (await mirror(invoice, outcome.invoice));
    const [reason, stripeUrl] =
      outcome.kind === 'declined' ? [outcome.message, invoice.stripeUrl] : ['Your bank asks you to confirm the payment.', outcome.url];
    await followers().onInvoiceFailed(invoice, reason);
    const attempts = invoice.attempts + 1;
    const hard = outcome.kind === 'requires-action' || outcome.hard;
    const waitingFor = outcome.kind === 'declined' ? 'card' : 'confirmation';
    await move(invoice, 'waiting', {
      attempts,
      attemptKey,
      lastFailure: reason,
      waitingFor,
      stripeUrl,
      nextAttemptAt: invoice.status === 'uncollectible' ? null : nextAttempt(attempts, clock.now(), hard),
    });
  }

  /** Take over a state of Stripe's that ends the matter. True: it did. */
  async function mirror(invoice: InvoiceDoc, found: StripeInvoice): Promise<boolean> {
    switch (found.status) {
      case 'paid':
        await move(invoice, 'settling', { status: 'paid', paidAt: found.paidAt ?? clock.now(), lastFailure: '', waitingFor: null, nextAttemptAt: null });
        return true;
      case 'void':
        await writeOff.voided(invoice);
        await move(invoice, 'releasing', { status: 'void', void: true, nextAttemptAt: null });
        return true;
      case 'uncollectible':
        // Known already: it can be paid, or taken back, as an open one can.
        if (invoice.status === 'uncollectible') return false;
        await move(invoice, 'writing-off', { status: 'uncollectible', nextAttemptAt: null, writtenOffAt: clock.now() });
        return true;
      case 'draft':
      case 'open':
        return false;
    }
  }

  /** Nothing is tried any more, here or at Stripe; whoever marked it there by hand did the same. */
  async function giveUp(invoice: InvoiceDoc, stripeInvoiceId: string): Promise<void> {
    const found = await payments.markUncollectible({ stripeInvoiceId, idempotencyKey: key(invoice, 'give-up') });
    // Opened again by nobody: a state that is not ended is looked at once more when the step is repeated.
    if (!(await mirror(invoice, found))) throw new AppError('conflict', undefined, { cause: new Error(`${invoice._id} is ${found.status} at Stripe`) });
  }

  /** Moved to before it is booked, and left only afterwards: a payment that comes at this moment finds it written off, and takes that back. */
  async function bookLoss(invoice: InvoiceDoc): Promise<void> {
    await writeOff.book(invoice);
    await followers().onInvoiceGivenUp(invoice);
    await move(invoice, 'waiting');
  }

  async function settle(invoice: InvoiceDoc): Promise<void> {
    await earnings.recovered(invoice);
    await earnings.paid(invoice);
    await followers().onInvoicePaid(invoice);
    await move(invoice, invoice.chargeMinor > 0n ? 'costing' : 'done');
  }

  async function cost(invoice: InvoiceDoc, stripeInvoiceId: string): Promise<void> {
    const fee = await payments.readProcessingFee(stripeInvoiceId);
    if (fee.kind === 'pending') return void (await move(invoice, 'costing', { nextAttemptAt: clock.now() + COSTING_AGAIN_MS }));
    await earnings.processed(invoice, fee.amounts);
    await move(invoice, 'done', { nextAttemptAt: null });
  }

  const { create, addLines, verify } = makeDraft({ payments, customerOf, key, isOld, move, hold });
  const { discard, withdraw } = makeWithdraw({ payments, voided: writeOff.voided, customerOf, key, move, mirror, hold });

  async function step(invoice: InvoiceDoc): Promise<void> {
    const stripeInvoiceId = invoice.stripeInvoiceId ?? '';
    switch (invoice.step) {
      case 'issued':
        // Nothing due means no word to Stripe (invariant I24).
        return void (await move(invoice, invoice.chargeMinor > 0n ? 'creating' : 'numbering'));
      case 'creating':
        return create(invoice);
      case 'adding':
        return addLines(invoice, stripeInvoiceId);
      case 'verifying':
        return verify(invoice, stripeInvoiceId);
      case 'discarding':
        return discard(invoice, stripeInvoiceId);
      case 'numbering':
        return number(invoice);
      case 'finalizing':
        return finalize(invoice, stripeInvoiceId);
      case 'booking':
        return book(invoice);
      case 'paying':
        return pay(invoice, stripeInvoiceId);
      case 'settling':
        return settle(invoice);
      case 'releasing':
        await carry.release(invoice);
        return void (await move(invoice, 'done'));
      case 'costing':
        return cost(invoice, stripeInvoiceId);
      case 'giving-up':
        return giveUp(invoice, stripeInvoiceId);
      case 'writing-off':
        return bookLoss(invoice);
      case 'waiting':
      case 'review':
      case 'done':
        return;
    }
  }

  /** Go on from where the invoice stands until nothing more happens by itself. */
  async function run(id: string): Promise<InvoiceDoc> {
    for (let moves = 0; moves < MOVES_MAX; moves += 1) {
      const invoice = await read(id);
      if (RESTING.has(invoice.step) || isPutOff(invoice, clock.now())) return invoice;
      await step(invoice);
    }
    throw new AppError('internal', undefined, { cause: new Error(`${id} does not come to rest`) });
  }

  /** As far as it comes by itself, and if it waits then, how it stands at Stripe now. */
  async function refresh(id: string): Promise<InvoiceDoc> {
    const invoice = await run(id);
    if (invoice.step !== 'waiting' || !invoice.stripeInvoiceId) return invoice;
    return (await mirror(invoice, await payments.readInvoice(invoice.stripeInvoiceId))) ? run(id) : invoice;
  }

  return {
    read,
    run,
    refresh,

    /** Try again now, unless the same attempt was answered already: another card, another visit to Checkout, or simply another time. */
    async retry(id: string): Promise<InvoiceDoc> {
      const invoice = await refresh(id);
      if (invoice.step !== 'waiting' || (invoice.status !== 'open' && invoice.status !== 'uncollectible')) return invoice;
      if (invoice.attemptKey === (await attemptKeyOf(invoice))) return invoice;
      await move(invoice, 'paying');
      return run(id);
    },

    /**
     * One that differed at Stripe goes on: `verifying` looks again, `discarding` takes it back there and makes it anew.
     * @throws conflict when it is not held any more
     */
    async release(id: string, step: 'discarding' | 'verifying'): Promise<InvoiceDoc> {
      const invoice = await read(id);
      if (invoice.step !== 'review' || !(await move(invoice, step, { status: 'draft', lastFailure: '' })))
        throw new AppError('conflict', 'This invoice is not held any more.');
      return run(id);
    },

    /** Is another try due: by time, or because there is another card? */
    async isDue(invoice: InvoiceDoc, now: number): Promise<boolean> {
      if (invoice.step !== 'waiting' || invoice.status !== 'open' || invoice.periodIndex === 0) return false;
      if (invoice.nextAttemptAt !== null && invoice.nextAttemptAt <= now) return true;
      return !invoice.attemptKey.endsWith(`.${(await cardOf(invoice)) ?? 'none'}`);
    },

    /** It could not be collected in all its time (rule N22): given up, unless it turns out to be paid. */
    async giveUp(id: string): Promise<InvoiceDoc> {
      const invoice = await refresh(id);
      if (!isGivenUp(invoice, clock.now())) return invoice;
      await move(invoice, 'giving-up');
      return run(id);
    },

    /** Nothing of it is to be charged any more. `paid`: too late. */
    async abandon(id: string): Promise<'gone' | 'paid'> {
      for (let moves = 0; moves < MOVES_MAX; moves += 1) {
        const invoice = await store.invoices.get(id);
        if (!invoice) return 'gone';
        if (invoice.status === 'void' || invoice.status === 'paid') {
          await run(id);
          return invoice.status === 'void' ? 'gone' : 'paid';
        }
        await withdraw(invoice);
      }
      throw new AppError('conflict');
    },
  };
}
