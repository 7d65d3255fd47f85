import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { z } from 'zod';
import { SYSTEM } from '../domain/actor.ts';
import { AppError } from '../kernel/errors.ts';
import { isoUtc } from '../kernel/clock.ts';
import type { Services } from '../services/index.ts';

const BODY_BYTES_MAX = 4_096;
const MAIL_DAYS = 400;

/** Exactly one of the two: a duration from now, or an instant. */
const Move = z.union([
  z.strictObject({
    advance: z.string().regex(/^P(\d{1,3}Y)?(\d{1,3}M)?(\d{1,3}W)?(\d{1,4}D)?(T(\d{1,5}H)?(\d{1,6}M)?(\d{1,8}S)?)?$/, 'an ISO 8601 duration, for example P1M'),
  }),
  z.strictObject({ to: z.iso.datetime() }),
]);

/**
 * The sandbox for programs, on the ops listener of the web role: `/sandbox/clock` and `/sandbox/mail?to=`.
 * The header X-Tollgate-Sandbox keeps a browser's stray request from moving time.
 */
export function sandboxOps({ clock, clockControl, mailbox }: Pick<Services, 'clock' | 'clockControl' | 'mailbox'>): RequestListener {
  const state = () => ({ now: isoUtc(clock.now()), offset_ms: clock.offsetMs() });

  /** While the clock is on its way, and only then. */
  async function moving() {
    const progress = await clockControl.progress();
    return progress === null ? {} : { moving_to: isoUtc(progress.target), pending: progress.doing };
  }

  async function answer(req: IncomingMessage): Promise<[status: number, body: unknown]> {
    const url = new URL(req.url ?? '/', 'http://ops.invalid');
    if (req.headers['x-tollgate-sandbox'] !== '1') throw new AppError('not-found');
    if (url.pathname === '/sandbox/clock' && req.method === 'GET') return [200, { ...state(), ...(await moving()) }];
    if (url.pathname === '/sandbox/clock' && req.method === 'POST') {
      const parsed = Move.safeParse(await readJson(req));
      if (!parsed.success) throw new AppError('invalid-request', 'Send {"advance": "P1M"} or {"to": "2027-01-31T00:00:00Z"}.');
      const { pending } = await clockControl.move(parsed.data);
      return pending.length === 0 ? [200, state()] : [202, { ...state(), pending }];
    }
    if (url.pathname === '/sandbox/mail' && req.method === 'GET') {
      const now = clock.now();
      const from = now - MAIL_DAYS * 86_400_000;
      const to = url.searchParams.get('to');
      const mails = await mailbox.sent(SYSTEM, to, from, now + 1);
      return [200, { items: mails.map((mail) => ({ id: mail._id, to: mail.to, subject: mail.subject, text: mail.text, at: isoUtc(mail.at) })), next: null }];
    }
    throw new AppError('not-found');
  }

  return (req, res) => {
    answer(req).then(
      ([status, body]) => send(res, status, body, 'application/json'),
      (error: unknown) => {
        const problem = error instanceof AppError ? error : new AppError('internal', undefined, { cause: error });
        send(
          res,
          problem.status,
          { type: `/problems/${problem.code}`, status: problem.status, title: problem.message, detail: problem.detail },
          'application/problem+json',
        );
      },
    );
  };
}

function send(res: ServerResponse, status: number, body: unknown, type: string): void {
  res.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

async function readJson(req: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of req) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) throw new AppError('body-too-large');
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError('invalid-request', 'The body is not JSON.', { cause });
  }
}
