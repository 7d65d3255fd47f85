import { SYSTEM } from '../server/domain/actor.ts';
import type { Job } from './job.ts';

/** Seal what earlier releases left in clear or under an older key: at the start of a worker, and once a day. */
export const resealConstants: Job<'reseal-constants'> = {
  name: 'reseal-constants',
  async run(_, { catalog, log }) {
    const definitions = await catalog.resealing.carryOut(SYSTEM);
    if (definitions > 0) log.info({ definitions }, 'constants of backends were sealed anew');
  },
};
