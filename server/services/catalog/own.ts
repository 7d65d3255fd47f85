import type { Actor } from '../../domain/actor.ts';
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
  readonly changes: Pick<Changes, 'announce'>;
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
