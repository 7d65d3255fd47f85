import { SYSTEM } from '../server/domain/actor.ts';
import type { Job } from './job.ts';

/** Seal what is under an older key of the ring, or was left in clear by earlier releases: at the start of a worker, and once a day. */
export const resealSecrets: Job<'reseal-secrets'> = {
  name: 'reseal-secrets',
  async run(_, { resealing, log }) {
    const written = await resealing.carryOut(SYSTEM);
    if (written > 0) log.info({ written }, 'secrets were sealed anew');
  },
};
