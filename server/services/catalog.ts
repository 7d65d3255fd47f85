import type { KeyRing } from '../domain/credential.ts';
import { makeApis, type Apis } from './catalog/apis.ts';
import { makeAuthorizations, type Authorizations } from './catalog/authorizations.ts';
import { makeGatewayDeletion, type GatewayDeletion } from './catalog/deletion.ts';
import { makeConstants, type Constants } from './catalog/constants.ts';
import { makeCallNotes, type CallNotesReader } from './catalog/noted-calls.ts';
import { makeDirectory } from './catalog/directory.ts';
import { makeGateways, makeGroups, type Gateways, type Groups } from './catalog/gateways.ts';
import { makeOverview, type Overview } from './catalog/overview.ts';
import { makeParameters, type Parameters } from './catalog/parameters.ts';
import { makeSellerLists } from './catalog/seller-lists.ts';
import { makePlans, type Plans } from './catalog/plans.ts';
import { makeProducts, type Products } from './catalog/products.ts';
import { makePublishing, type Publishing } from './catalog/publishing.ts';
import { makeReviews, type Reviews, type ReviewsDependencies } from './catalog/reviews.ts';
import { makeSellers, type Sellers } from './catalog/sellers.ts';

/** What a provider builds and sells, and what an operator lets into the storefront. */
export interface Catalog {
  readonly apis: Apis;
  readonly authorizations: Authorizations;
  readonly callNotes: CallNotesReader;
  readonly constants: Constants;
  readonly deletion: GatewayDeletion;
  readonly gateways: Gateways;
  readonly groups: Groups;
  readonly overview: Overview;
  readonly parameters: Parameters;
  readonly plans: Plans;
  readonly products: Products;
  readonly publishing: Publishing;
  readonly reviews: Reviews;
  readonly sellers: Sellers;
}

export function makeCatalog({ secretKeys, ...given }: ReviewsDependencies & { readonly secretKeys: KeyRing }): Catalog {
  const constants = makeConstants({ ids: given.ids, secretKeys });
  const { store, clock } = given;
  const dependencies = { ...given, constants, directory: makeDirectory({ settings: store.settings, clock }), sellerLists: makeSellerLists({ store, clock }) };
  return {
    apis: makeApis(dependencies),
    authorizations: makeAuthorizations(dependencies),
    callNotes: makeCallNotes(dependencies),
    constants,
    deletion: makeGatewayDeletion(dependencies),
    gateways: makeGateways(dependencies),
    groups: makeGroups(dependencies),
    overview: makeOverview(dependencies),
    parameters: makeParameters({ ...dependencies, secretKeys }),
    plans: makePlans(dependencies),
    products: makeProducts(dependencies),
    publishing: makePublishing(dependencies),
    reviews: makeReviews(dependencies),
    sellers: makeSellers(dependencies),
  };
}
