import { Router } from 'express';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { parseForm } from '../forms.ts';
import { actorOf, open } from '../guards.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { page } from '../render.ts';
import { z } from 'zod';

const MAIL_DAYS = 400;
const STEPS = { P1D: 'one day', P1W: 'one week', P1MT1H: 'a month and an hour' } as const;

/** The sandbox for people: the mailbox, the clock that can be moved on, the cards that can be typed. Mounted only outside production. */
export function sandboxRoutes({ clock, clockControl, mailbox }: Pick<Services, 'clock' | 'clockControl' | 'mailbox'>, stripeUrl: string): Router {
  const router = Router();

  router.get('/sandbox', open, async (req, res) => {
    const now = clock.now();
    const found = await mailbox.page(actorOf(req), { from: now - MAIL_DAYS * 86_400_000, to: now + 1 }, pageOf(req.query['page']));
    page(res, 'sandbox/index', {
      now,
      moving: await clockControl.progress(),
      offsetDays: Math.round(clock.offsetMs() / 86_400_000),
      stripeUrl,
      steps: Object.entries(STEPS).map(([advance, label]) => ({ advance, label })),
      mails: found.mails.map((mail) => ({ id: mail._id, to: mail.to, subject: mail.subject, at: mail.at })),
      pages: pagination('/sandbox', {}, found),
    });
  });

  router.get('/sandbox/mails/:id', open, async (req, res) => {
    const mail = await mailbox.get(actorOf(req), String(req.params['id']));
    const link = /https?:\/\/\S+/.exec(mail.text)?.[0] ?? null;
    page(res, 'sandbox/mail', { mail: { to: mail.to, subject: mail.subject, at: mail.at, text: mail.text }, link });
  });

  router.post('/sandbox/clock', open, async (req, res) => {
    const { advance } = parseForm(z.strictObject({ advance: z.enum(Object.keys(STEPS) as (keyof typeof STEPS)[]) }), req.body);
    const { pending } = await clockControl.move({ advance });
    if (pending.length === 0) flash(req, 'success', `The clock moved on by ${STEPS[advance]}: everything that fell due in between is done.`);
    else flash(req, 'warning', `The clock moved on by ${STEPS[advance]}; still being worked on: ${pending.join(', ')}.`);
    res.redirect(303, '/sandbox');
  });
  return router;
}
