import express, { Router, type ErrorRequestHandler } from 'express';
import { SYSTEM } from '../../domain/actor.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import type { Inbox } from '../../services/inbox.ts';
import type { InboundEvent } from '../../stripe/events.ts';
import { open } from '../guards.ts';

const BODY_BYTES_MAX = 1024 * 1024;

export interface WebhookParts {
  readonly inbox: Pick<Inbox, 'accept'>;
  /** Believes a delivery by its bytes and signature, or throws. */
  readonly verify: (raw: Buffer, signature: string | undefined, realNowMs: number) => InboundEvent;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Stripe's deliveries: raw bytes → signature → inbox → 200; the work is a job's. Mounted before sessions, parsers and the origin check.
 * What is refused is told nothing, and leaves nothing behind.
 */
export function webhookRoutes({ inbox, verify, clock, log }: WebhookParts): Router {
  const router = Router();
  const path = '/webhooks/stripe';
  // Any content type: the signature decides what is believed. Compressed bodies are not taken: Stripe signs, and sends, plain bytes.
  const raw = express.raw({ type: () => true, limit: BODY_BYTES_MAX, inflate: false });
  router.post(path, open, raw, async (req, res) => {
    const body = Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
    const event = verify(body, req.get('stripe-signature'), clock.real());
    await inbox.accept({ ...SYSTEM, address: req.ip ?? '', requestId: req.id }, event, body.toString('utf8'));
    res.status(200).json({ received: true });
  });
  const refuse: ErrorRequestHandler = (error: unknown, req, res, _next) => {
    const status = statusOf(error);
    if (status >= 500) log.error({ err: error, requestId: req.id }, 'webhook failed');
    else log.warn({ requestId: req.id, address: req.ip, status }, 'webhook refused');
    res.status(status).json({ received: false });
  };
  router.use(path, refuse);
  return router;
}

/** Our own refusals and those of the body parser; all else is our fault, and Stripe tries again. */
function statusOf(error: unknown): number {
  if (error instanceof AppError) return error.status;
  const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 500;
  return status === 413 ? 413 : status >= 400 && status < 500 ? 400 : 500;
}
