import type { Actor } from '../../domain/actor.ts';
import { slugFault } from '../../domain/slug.ts';
import { AppError } from '../../kernel/errors.ts';
import type { OrganizationDoc, SellerProfile } from '../../store/accounts.ts';
import { isDuplicateKey } from '../../store/connect.ts';
import { faulty, refuseFaults, type CatalogDependencies } from './own.ts';

export interface Sellers {
  /** The organization with its profile; null in `seller` while it has none. */
  profile(actor: Actor): Promise<OrganizationDoc>;
  /** @throws invalid-form when the slug is another seller's */
  save(actor: Actor, profile: SellerProfile): Promise<void>;
}

const httpUrl = (text: string): boolean => {
  try {
    return ['https:', 'http:'].includes(new URL(text).protocol);
  } catch {
    return false;
  }
};

export function makeSellers({ store: { accounts }, audit }: Pick<CatalogDependencies, 'store' | 'audit'>): Sellers {
  const own = async (actor: Actor): Promise<OrganizationDoc> => {
    const organization = await accounts.organization(actor.organizationId);
    if (!organization) throw new AppError('not-found');
    return organization;
  };

  return {
    profile: own,

    async save(actor, { displayName, slug, website, supportEmail, about }) {
      const organization = await own(actor);
      const fault = slugFault(slug);
      refuseFaults({
        ...(displayName.trim() === '' && { displayName: 'This is needed.' }),
        ...(fault !== undefined && { slug: fault }),
        ...(website !== '' && !httpUrl(website) && { website: 'This is not a web address: it should look like https://example.com.' }),
      });
      const seller: SellerProfile = { displayName, slug, website, supportEmail, about };
      try {
        const done = await accounts.updateOrganization(organization._id, organization.rev, { seller, sellerSlug: slug });
        if (!done && JSON.stringify((await own(actor)).seller) !== JSON.stringify(seller)) throw new AppError('conflict');
      } catch (error) {
        if (isDuplicateKey(error)) throw faulty({ slug: 'Another seller has this name.' });
        throw error;
      }
      await audit.append(actor, { action: 'market:seller:update', resource: `organization:${organization._id}`, before: organization.seller, after: seller });
    },
  };
}
