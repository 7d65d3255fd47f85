import { SYSTEM } from '../server/domain/actor.ts';
import type { Job } from './job.ts';

/** Remove what a gateway held whose deletion was decided, from wherever that stands. */
export const deleteGateway: Job<'delete-gateway'> = {
  name: 'delete-gateway',
  async run({ gatewayId }, { catalog }) {
    await catalog.deletion.carryOut(SYSTEM, gatewayId);
  },
};
