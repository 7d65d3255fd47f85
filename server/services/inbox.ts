import { PLATFORM_ORGANIZATION, type Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import type { InboxDoc, InboxStore } from '../store/inbox.ts';
import { meaningOf, type InboundEvent, type InboundHandlers } from '../stripe/events.ts';
import type { Payments } from '../stripe/port.ts';
import type { Audit } from './audit.ts';
import { inOrderOf, makeKeptLists, pageOfList, type ListPage } from './kept-lists.ts';
import { timelinePage, makeTimeline, type Timed } from './timeline.ts';

/** After that many failures of our own making an event waits for a person. */
export const ATTEMPTS_MAX = 12;
/** The setting that holds how far Stripe's list of events was read, epoch ms of Stripe's clock. */
export const EVENTS_SEEN = 'stripeEventsSeenThroughMs';

const DAY_MS = 86_400_000;
/** Read again from before the mark: an event may be listed a little after its own time. */
const OVERLAP_MS = 3_600_000;
/** Stripe keeps no older ones. */
const KEPT_MS = 30 * DAY_MS;
const RESULT_CHARACTERS_MAX = 500;

/** What waits to be handled, and what was given up. */
export type InboxState = 'dead' | 'received';

export interface Inbox {
  /**
   * Take a delivered event: stored once, and queued. `duplicate`: it was here before. `ignored`: of the other mode or another account; kept as dead,
   * so that a person sees it, and of no effect.
   * @param raw  the body as it came, for the record
   */
  accept(actor: Actor, event: InboundEvent, raw: string): Promise<'accepted' | 'duplicate' | 'ignored'>;
  /** Act on one event, by the present state of its object at Stripe. Safe to run twice. @throws what made it fail, until it is dead */
  handle(actor: Actor, id: string): Promise<void>;
  /** Ids of events that wait for longer than that: for the sweep, which queues them again. */
  unhandled(actor: Actor, olderThanMs: number): Promise<string[]>;
  /** Walk Stripe's list of events since the last walk, and accept what was never delivered (F3). @returns how many those were */
  reconcile(actor: Actor): Promise<number>;
  /** A page of what was received in [from, to), newest first, for the operator's eyes: of all, or of those that stand where `state` says; from 1. */
  page(
    actor: Actor,
    range: { readonly from: number; readonly to: number },
    state: InboxState | null,
    number: number,
    size: number,
  ): Promise<ListPage<InboxDoc> & { readonly counts: Readonly<Record<'all' | InboxState, number>> }>;
  /** Try a dead event again. @throws conflict when it is not dead */
  revive(actor: Actor, id: string): Promise<void>;
}

export interface InboxDependencies {
  store: { inbox: InboxStore; settings: { get<T>(name: string): Promise<T | undefined>; raise(name: string, value: number): Promise<void> } };
  payments: Payments;
  handlers: InboundHandlers;
  /** Queue the job that handles one event. It may fail: the sweep queues again what stays open. */
  enqueue: (id: string) => Promise<unknown>;
  audit: Pick<Audit, 'append'>;
  clock: Clock;
  log: Log;
}

export const inboxId = (eventId: string): string => `stripe.${eventId}`;

export function makeInbox({ store, payments, handlers, enqueue, audit, clock, log }: InboxDependencies): Inbox {
  const received = makeTimeline((source, from, to) => store.inbox.times(source, from, to), clock);
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function accept(_actor: Actor, event: InboundEvent, raw: string): Promise<'accepted' | 'duplicate' | 'ignored'> {
    const foreign = foreignness(event);
    const id = inboxId(event.id);
    const fresh = await store.inbox.accept({
      _id: id,
      source: 'stripe',
      type: event.type,
      objectId: event.objectId ?? '',
      occurredAt: event.createdAt,
      receivedAt: clock.real(),
      raw,
      status: foreign ? 'dead' : 'received',
      open: !foreign,
      attempts: 0,
      result: foreign ?? '',
      handledAt: foreign ? clock.real() : null,
    });
    if (foreign) log.error({ event: event.id, type: event.type, account: event.account, livemode: event.livemode }, `payment event ignored: ${foreign}`);
    if (foreign) return 'ignored';
    if (!fresh) return 'duplicate';
    try {
      await enqueue(id);
    } catch (error) {
      // The event is safe in the store and the sweep will find it: a queue that is away must not make Stripe send it again.
      log.warn({ err: error, event: event.id }, 'event stored but not queued');
    }
    return 'accepted';
  }

  const foreignness = ({ livemode, account }: InboundEvent): string | null => {
    if (livemode === payments.testMode) return livemode ? 'a live event at a test key' : 'a test event at a live key';
    return account === null ? null : `of another account, ${account}`;
  };

  /** What the object says by now decides; the event only said where to look. */
  async function dispatch({ type, objectId }: InboxDoc): Promise<string> {
    const meaning = meaningOf(type);
    if (meaning === null || objectId === '') return 'ignored: nothing of ours';
    switch (meaning) {
      case 'checkout': {
        const status = await presentStatus(() => payments.readCheckout(objectId));
        if (status === null) return GONE;
        if (status === 'complete') return said(await handlers.onCheckoutCompleted(objectId), 'checkout completed');
        if (status === 'expired') return said(await handlers.onCheckoutExpired(objectId), 'checkout expired');
        return 'checkout is still open';
      }
      case 'payment-method':
        return said(await handlers.onPaymentMethodChanged(objectId), 'payment method changed');
      case 'invoice':
        return dispatchInvoice(type, objectId);
    }
  }

  async function dispatchInvoice(type: string, id: string): Promise<string> {
    const status = await presentStatus(() => payments.readInvoice(id));
    switch (status) {
      case null:
        return GONE;
      case 'draft':
        return 'invoice is still a draft';
      case 'paid':
        return said(await handlers.onInvoicePaid(id), 'invoice paid');
      case 'void':
        return said(await handlers.onInvoiceVoided(id), 'invoice voided');
      case 'uncollectible':
        return said(await handlers.onInvoiceUncollectible(id), 'invoice uncollectible');
      case 'open':
        // Only here does the name matter: an open invoice does not say whether the last try failed.
        if (type === 'invoice.payment_failed' || type === 'invoice.payment_action_required')
          return said(await handlers.onInvoicePaymentFailed(id), 'payment failed');
        return said(await handlers.onInvoiceFinalized(id), 'invoice finalized');
    }
  }

  return {
    accept,

    async handle(_actor, id) {
      const event = await store.inbox.get(id);
      if (!event?.open) return;
      try {
        await store.inbox.close(id, 'done', shorten(await dispatch(event)), clock.real());
      } catch (error) {
        await failed(event, error);
      }
    },

    async unhandled(_actor, olderThanMs) {
      const before = clock.real() - olderThanMs;
      return (await store.inbox.open()).filter(({ receivedAt }) => receivedAt <= before).map(({ _id }) => _id);
    },

    async reconcile(actor) {
      const began = clock.now();
      const seen = await store.settings.get<number | bigint>(EVENTS_SEEN);
      const since = Math.max(began - KEPT_MS, Number(seen ?? 0) - OVERLAP_MS);
      let missed = 0;
      for await (const event of payments.listEvents({ since })) {
        // Most are here already, and reading is cheaper than a refused insert.
        if (await store.inbox.get(inboxId(event.id))) continue;
        if ((await accept(actor, event, JSON.stringify(event))) === 'accepted') missed += 1;
      }
      // Only after the whole walk, which goes from the newest back: a crash in the middle repeats it.
      await store.settings.raise(EVENTS_SEEN, began);
      return missed;
    },

    async page(_actor, range, state, number, size) {
      const newestFirst = (a: Timed, b: Timed): number => b.at - a.at || (a._id < b._id ? 1 : -1);
      const [all, waiting, givenUp] = await Promise.all([
        timelinePage(received, 'stripe', range, number, size),
        store.inbox.timesIn('received', range.from, range.to),
        lists.read('deadEvents', PLATFORM_ORGANIZATION, async () => (await store.inbox.timesIn('dead', range.from, range.to + KEPT_MS)).sort(newestFirst)),
      ]);
      const of = { received: waiting.sort(newestFirst), dead: givenUp.filter(({ at }) => at >= range.from && at < range.to) };
      const found =
        state === null
          ? { rows: all.ids, total: all.total, page: all.page, size }
          : pageOfList(
              of[state].map(({ _id }) => _id),
              number,
              size,
            );
      return {
        ...found,
        rows: inOrderOf(found.rows, await store.inbox.many(found.rows)),
        counts: { all: all.total, received: of.received.length, dead: of.dead.length },
      };
    },

    async revive(actor, id) {
      const event = await store.inbox.get(id);
      if (!event) throw new AppError('not-found');
      if (!(await store.inbox.revive(id))) throw new AppError('conflict', 'Only an event that was given up can be tried again.');
      await audit.append(actor, {
        action: 'platform:webhooks:update',
        resource: `webhook:${id}`,
        before: { status: event.status, result: event.result },
        after: { status: 'received' },
      });
      await enqueue(id);
    },
  };

  async function failed(event: InboxDoc, error: unknown): Promise<void> {
    const reason = shorten(error instanceof AppError ? `${error.code}: ${causeOf(error)}` : String(error));
    if (error instanceof AppError && (error.code === 'dependency-away' || error.code === 'payments-paused')) {
      // Nothing is wrong with the event. It waits for as long as the other side needs.
      await store.inbox.notePostponed(event._id, reason);
      throw error;
    }
    await store.inbox.noteFailure(event._id, event.attempts, reason);
    if (event.attempts + 1 < ATTEMPTS_MAX) throw error;
    await store.inbox.close(event._id, 'dead', reason, clock.real());
    log.error({ err: error, event: event._id, type: event.type }, 'payment event given up');
  }
}

/** A draft that was discarded: there is nothing left to follow. */
const GONE = 'gone at Stripe';

/** The object's status at Stripe; null when Stripe does not know it any more. What handlers fail to find is another matter, and a failure. */
async function presentStatus<S>(read: () => Promise<{ status: S }>): Promise<S | null> {
  try {
    return (await read()).status;
  } catch (error) {
    if (error instanceof AppError && error.code === 'not-found') return null;
    throw error;
  }
}

const said = (result: string | void, otherwise: string): string => result || otherwise;

const causeOf = ({ cause, detail }: AppError): string => (cause instanceof Error ? cause.message : detail);

const shorten = (text: string): string => text.slice(0, RESULT_CHARACTERS_MAX);
