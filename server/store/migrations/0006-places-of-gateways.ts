import { givePlaces } from './places.ts';
import type { Migration } from './step.ts';

/** APIs and groups were counted before they were made; now each has a number among those of its gateway (docs/decisions/0011). */
export const placesOfGateways: Migration = {
  name: 'places of APIs and groups in their gateways',
  async run(database, progress) {
    await givePlaces(database, 'apis', 'gatewayId', progress);
    await givePlaces(database, 'groups', 'gatewayId', progress);
  },
};
