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

export interface CatalogDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly audit: Audit;
  readonly changes: Pick<Changes, 'announce' | 'announced'>;
  /** `host:port` pairs of upstreams that may be private (UPSTREAM_ALLOW). */
  readonly upstreamAllow: ReadonlySet<string>;
}

/** What belongs to somebody else looks like what does not exist. */
export function owned<T extends { organizationId: string }>(actor: Actor, thing: T | null): T {
  if (!thing || (actor.kind !== 'system' && thing.organizationId !== actor.organizationId)) throw new AppError('not-found');
  return thing;
}

export const ownGateway = async ({ gateways }: Pick<Store, 'gateways'>, actor: Actor, id: string): Promise<GatewayDoc> =>
  owned(actor, await gateways.gateway(id));
export const ownApi = async ({ apis }: Pick<Store, 'apis'>, actor: Actor, id: string): Promise<ApiDoc> => owned(actor, await apis.api(id));
export const ownProduct = async ({ products }: Pick<Store, 'products'>, actor: Actor, id: string): Promise<ProductDoc> =>
  owned(actor, await products.product(id));

/** @throws not-found also when the group is of another gateway: an address with a foreign pair leads nowhere */
export async function ownGroup({ gateways }: Pick<Store, 'gateways'>, actor: Actor, gatewayId: string, id: string): Promise<GroupDoc> {
  const group = owned(actor, await gateways.group(id));
  if (group.gatewayId !== gatewayId) throw new AppError('not-found');
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
export const seesProduct = (actor: Actor, { _id }: ProductDoc): boolean => isAllowed(actor, 'market:products:get', `product:${_id}`);

/** Where one request changes several APIs, each is decided by itself, and one refusal refuses all. @throws forbidden with the statement that decides */
export function mayEach(actor: Actor, action: Action, gateway: GatewayDoc, apis: readonly ApiDoc[]): void {
  for (const { _id, groupId, definition } of apis) {
    const decision = decide(actor, action, `gateway:${gateway._id}/group:${groupId}/api:${_id}`, tagValues(gateway.tags));
    if (!decision.allowed) throw new AppError('forbidden', `${definition.name}: ${explain(decision, action)}`);
  }
}
