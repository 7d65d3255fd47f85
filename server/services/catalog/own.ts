import type { Actor } from '../../domain/actor.ts';
import type { Action } from '../../domain/actions.ts';
import { tagValues } from '../../domain/gateway-rules.ts';
import { decide, explain, isAllowed } from '../../domain/rights.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { ApiDoc } from '../../store/apis.ts';
import type { GatewayDoc, GroupDoc } from '../../store/gateways.ts';
import type { Store } from '../../store/index.ts';
import type { ProductDoc } from '../../store/products.ts';
import type { Audit } from '../audit.ts';
import type { Changes } from '../changes.ts';
import type { Directory } from './directory.ts';
import type { SellerLists } from './seller-lists.ts';

export interface CatalogDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly audit: Audit;
  readonly changes: Pick<Changes, 'announce' | 'announced' | 'standing'>;
  /** `host:port` pairs of upstreams that may be private (UPSTREAM_ALLOW). */
  readonly upstreamAllow: ReadonlySet<string>;
  /** Somebody decided to delete a gateway: remind whoever carries it out. The sweep finds it all the same. */
  readonly deletionBegun?: (gatewayId: string) => Promise<void>;
  /** A version was announced or withdrawn: remind whoever tells the subscribers. The job finds it all the same. */
  readonly versionsChanged?: () => Promise<void>;
}

/** For the parts that list what gateways hold. */
export interface ListingDependencies extends CatalogDependencies {
  readonly directory: Directory;
  readonly sellerLists: SellerLists;
}

/** What belongs to somebody else looks like what does not exist. */
export function owned<T extends { organizationId: string }>(actor: Actor, thing: T | null): T {
  if (!thing || (actor.kind !== 'system' && thing.organizationId !== actor.organizationId)) throw new AppError('not-found');
  return thing;
}

/** Also one that is deleted or about to be. */
export const anyGateway = async ({ gateways }: Pick<Store, 'gateways'>, actor: Actor, id: string): Promise<GatewayDoc> =>
  owned(actor, await gateways.gateway(id));

const deleted = (): AppError => new AppError('not-found', 'This gateway is deleted.');

/** From the decision to delete it, a gateway and all it holds are not found. */
export async function ownGateway(store: Pick<Store, 'gateways'>, actor: Actor, id: string): Promise<GatewayDoc> {
  const gateway = await anyGateway(store, actor, id);
  if (gateway.deletion) throw deleted();
  return gateway;
}

/** To be asked once more after something was made in a gateway: whoever decided on its deletion meanwhile may have looked for it before. @throws not-found */
export const stillOpen = async (store: Pick<Store, 'gateways'>, gatewayId: string): Promise<void> => {
  const gateway = await store.gateways.gateway(gatewayId);
  if (!gateway || gateway.deletion) throw deleted();
};

export async function ownApi(store: Pick<Store, 'apis' | 'gateways'>, actor: Actor, id: string): Promise<ApiDoc> {
  const api = owned(actor, await store.apis.api(id));
  await ownGateway(store, actor, api.gatewayId);
  return api;
}
export const ownProduct = async ({ products }: Pick<Store, 'products'>, actor: Actor, id: string): Promise<ProductDoc> =>
  owned(actor, await products.product(id));

/** @throws not-found also when the group is of another gateway: an address with a foreign pair leads nowhere */
export async function ownGroup(store: Pick<Store, 'gateways'>, actor: Actor, gatewayId: string, id: string): Promise<GroupDoc> {
  const [found] = await Promise.all([store.gateways.group(id), ownGateway(store, actor, gatewayId)]);
  const group = owned(actor, found);
  if (group.gatewayId !== gatewayId || group.gone) throw new AppError('not-found');
  return group;
}

export const faulty = (fields: Readonly<Record<string, string>>): AppError => new AppError('invalid-form', undefined, { fields });

/** Refuse when there are faults. */
export function refuseFaults(fields: Readonly<Record<string, string>>): void {
  if (Object.keys(fields).length > 0) throw faulty(fields);
}

/** Lists hold only what the actor may see of them. */
export const seesGateway = (actor: Actor, gateway: GatewayDoc): boolean =>
  isAllowed(actor, 'apig:instances:get', `gateway:${gateway._id}`, tagValues(gateway.tags));
export const seesGroup = (actor: Actor, gateway: GatewayDoc, group: GroupDoc): boolean =>
  isAllowed(actor, 'apig:groups:get', `gateway:${gateway._id}/group:${group._id}`, tagValues(gateway.tags));
export const seesApi = (actor: Actor, gateway: GatewayDoc, { _id, groupId }: ApiDoc): boolean =>
  isAllowed(actor, 'apig:apis:get', `gateway:${gateway._id}/group:${groupId}/api:${_id}`, tagValues(gateway.tags));
export const seesProduct = (actor: Actor, { _id }: Pick<ProductDoc, '_id'>): boolean => isAllowed(actor, 'market:products:get', `product:${_id}`);

/** Where one request changes several APIs, each is decided by itself, and one refusal refuses all. @throws forbidden with the statement that decides */
export function mayEach(actor: Actor, action: Action, gateway: GatewayDoc, apis: readonly ApiDoc[]): void {
  for (const { _id, groupId, definition } of apis) mayDo(actor, action, gateway, `group:${groupId}/api:${_id}`, definition.name);
}

/** @throws forbidden with the statement that decides, about `name` */
export function mayDo(actor: Actor, action: Action, gateway: GatewayDoc, below: string, name: string): void {
  const decision = decide(actor, action, `gateway:${gateway._id}/${below}`, tagValues(gateway.tags));
  if (!decision.allowed) throw new AppError('forbidden', `${name}: ${explain(decision, action)}`);
}
