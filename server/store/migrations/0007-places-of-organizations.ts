import { givePlaces } from './places.ts';
import type { Migration } from './step.ts';

/** The same for what an organization has room for; what was deleted, retired or set aside takes no place. */
export const placesOfOrganizations: Migration = {
  name: 'places of gateways, products, apps, policies, groups and service accounts in their organizations',
  async run(database, progress) {
    const give = (collection: string, needsPlace?: Parameters<typeof givePlaces>[4]) =>
      givePlaces(database, collection, 'organizationId', progress, needsPlace);
    await give('gateways', ({ gone, confirmed }) => gone !== true && confirmed !== true);
    await give('products', ({ status }) => status !== 'retired');
    await give('apps', ({ deletedAt }) => typeof deletedAt !== 'number');
    await give('policies');
    await give('userGroups');
    await give('serviceAccounts', ({ live }) => live === true);
  },
};
