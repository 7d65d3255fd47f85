import { SYSTEM } from '../server/domain/actor.ts';
import type { Job } from './job.ts';

/** Act on one event of Stripe's, by the present state of its object there. */
export const handleInboundEvent: Job<'handle-inbound-event'> = { name: 'handle-inbound-event', run: ({ eventId }, { inbox }) => inbox.handle(SYSTEM, eventId) };
