import type { Actor } from '../../domain/actor.ts';
import { EDITIONS } from '../../domain/gateway-rules.ts';
import { looksAtResources } from '../../domain/rights.ts';
import { AppError } from '../../kernel/errors.ts';
import type { DeletionMark, GatewayDoc, GroupDoc, HeldKind } from '../../store/gateways.ts';
import type { ProductDoc } from '../../store/products.ts';
import { isServed } from '../../store/publications.ts';
import { anyGateway, faulty, mayDo, seesGateway, type ListingDependencies } from './own.ts';

/** APIs that go at once: a step that is cut short loses no more than this. */
const STEP = 250;
/** What was written into a gateway while its deletion was decided is there by then. */
const LOOK_BACK_MS = 600_000;
/** Whoever decided confirms within this, or is gone: then the sweep does. */
const UNCONFIRMED_MS = 10_000;
const NAMES_AUDITED = 100;
/** Of what stands against a deletion, as much is named. */
export const HINDRANCES_SHOWN = 20;

export type Held = Readonly<Record<HeldKind, number>>;

/** A product that keeps a gateway from being deleted. */
export interface Hindrance {
  readonly product: Pick<ProductDoc, '_id' | 'listedAt' | 'name' | 'status'>;
  readonly liveSubscriptions: number;
}

export interface DeletionState {
  readonly gateway: GatewayDoc;
  /** What is there now. */
  readonly held: Held;
  /** APIs that answer calls now. */
  readonly liveApis: number;
  readonly hindrances: readonly Hindrance[];
}

export interface GatewayDeletion {
  /** What a deletion takes away, or what is left of it while it runs; also of a gateway that is gone. */
  state(actor: Actor, gatewayId: string): Promise<DeletionState>;
  /**
   * Decide it. From then on the gateway answers no call and nothing can be made in it; what it held goes in the background. A second request finds it decided.
   *
   * @param typedName  the gateway's name, unless it is empty
   * @throws conflict with what stands against it; invalid-form beside `name`; forbidden while a policy denies the deletion of one of its groups or APIs
   */
  begin(actor: Actor, gatewayId: string, typedName: string): Promise<void>;
  /** Remove what it holds, step by step; may be repeated and run twice at once. Does nothing to a gateway nobody decided to delete. */
  carryOut(actor: Actor, gatewayId: string): Promise<void>;
  /** Those of the organization that are being deleted, or were within the last minutes. */
  recent(actor: Actor): Promise<GatewayDoc[]>;
  /** Gateways whose deletion is decided and not over. */
  unfinished(actor: Actor): Promise<string[]>;
}

export const isEmpty = (held: Held): boolean => held.groups === 0 && held.products === 0 && held.connections === 0;

export function makeGatewayDeletion({ store, clock, audit, changes, deletionBegun, directory, sellerLists }: ListingDependencies): GatewayDeletion {
  const { apis, apps, documents, endpoints, gateways, products, subscriptions } = store;

  const productsOf = ({ organizationId, _id }: GatewayDoc) => products.productsOfGateway(organizationId, _id);
  const isDraft = ({ listedAt, status }: Pick<ProductDoc, 'listedAt' | 'status'>) => listedAt === null && (status === 'draft' || status === 'rejected');

  const hinders = ({ product, liveSubscriptions }: Hindrance) => liveSubscriptions > 0 || !(isDraft(product) || product.status === 'retired');

  /** What is offered, is in review, or has somebody who pays for it: where it is decided. */
  async function hindrancesOf(gateway: GatewayDoc): Promise<Hindrance[]> {
    const [held, subscribed] = await Promise.all([productsOf(gateway), subscriptions.liveOfProvider(gateway.organizationId)]);
    const live = subscribed.filter(({ gatewayId }) => gatewayId === gateway._id);
    const known = new Set(held.map(({ _id }) => _id));
    const retired = await products.products([...new Set(live.map(({ productId }) => productId))].filter((id) => !known.has(id)));
    return [...held, ...retired]
      .map((product) => ({ product, liveSubscriptions: live.filter(({ productId }) => productId === product._id).length }))
      .filter(hinders);
  }

  /** The same, and what the gateway holds, as a page tells it: from what is kept in memory. */
  async function listed({ _id, organizationId, parameters }: GatewayDoc): Promise<Omit<DeletionState, 'gateway'>> {
    const [groups, places, publications, all, subscribers, authorizations, connections] = await Promise.all([
      directory.read(_id, 'groups', () => gateways.groupsOf(_id)),
      directory.read(_id, 'places', () => apis.placesOfGateway(_id)),
      directory.read(_id, 'publications', async () => [(await apis.publicationsOfGateway(_id)).length]),
      sellerLists.products(organizationId),
      sellerLists.subscribers(organizationId),
      sellerLists.authorizations(_id),
      sellerLists.connections(_id),
    ]);
    const imports = await directory.read(_id, 'imports', async () => [await documents.countOf(groups.map((group) => group._id))]);
    const own = all.filter(({ gatewayId }) => gatewayId === _id);
    return {
      liveApis: places.filter(isServed).length,
      held: {
        groups: groups.length,
        apis: places.length,
        publications: publications[0] ?? 0,
        authorizations: authorizations.length,
        connections,
        imports: imports[0] ?? 0,
        products: own.filter(isDraft).length,
        parameters: Object.keys(parameters).length,
      },
      hindrances: own.map((product) => ({ product, liveSubscriptions: subscribers.ofProduct(product._id) })).filter(hinders),
    };
  }

  async function heldBy(gateway: GatewayDoc): Promise<{ held: Held; liveApis: number; groups: GroupDoc[]; places: { _id: string; groupId: string }[] }> {
    const [groups, places, publications, authorizations, connections, own] = await Promise.all([
      gateways.groupsOf(gateway._id),
      apis.placesOfGateway(gateway._id),
      apis.publicationsOfGateway(gateway._id),
      apps.liveAuthorizationsOfGateway(gateway._id),
      endpoints.liveOfGateway(gateway._id),
      productsOf(gateway),
    ]);
    const imports = await documents.countOf(groups.map(({ _id }) => _id));
    return {
      groups,
      places,
      liveApis: places.filter(isServed).length,
      held: {
        groups: groups.length,
        apis: places.length,
        publications: publications.length,
        authorizations: authorizations.length,
        connections: connections.length,
        imports,
        products: own.filter(isDraft).length,
        parameters: Object.keys(gateway.parameters).length,
      },
    };
  }

  const refusal = (hindrances: readonly Hindrance[]): AppError => {
    const more = hindrances.length > HINDRANCES_SHOWN ? `; and ${hindrances.length - HINDRANCES_SHOWN} more` : '';
    return new AppError('conflict', `This gateway cannot be deleted: ${hindrances.slice(0, HINDRANCES_SHOWN).map(hindranceWords).join('; ')}${more}.`);
  };

  /** After the mark: whatever came just before it is seen now, whatever comes after it sees the mark. @returns what stands against it */
  async function confirm(gateway: GatewayDoc): Promise<readonly Hindrance[]> {
    const hindrances = await hindrancesOf(gateway);
    if (hindrances.length === 0) {
      await gateways.confirmDeletion(gateway._id);
      return [];
    }
    if (await gateways.unmarkDeletion(gateway._id)) await changes.announce('catalogue-changed', { what: 'gateway', id: gateway._id });
    return hindrances;
  }

  /** Groups whose APIs were published keep their label for good (a stranger who got it would be sent old callers' credentials); the others just go. */
  async function removeGroups(gatewayId: string): Promise<void> {
    const published = await apis.publicationsOfGateway(gatewayId);
    for (const groupId of new Set(published.map((record) => record.groupId))) await gateways.reserveGroup(groupId);
    await apis.removePublications(published.map(({ _id }) => _id));
    for (const { _id, gone } of await gateways.everyGroupOf(gatewayId)) {
      for (const { ordinal } of await documents.ordinals(_id)) await documents.remove(_id, ordinal);
      if (!gone) await gateways.removeGroup(_id);
    }
  }

  /** Connections stay on record for those who asked for them; their addresses are free again. */
  async function endConnections(gatewayId: string, by: string): Promise<void> {
    for (const { _id, status } of await endpoints.liveOfGateway(gatewayId)) {
      const end = { at: clock.now(), by, reason: 'The gateway was deleted.', mark: `${_id}.deletion` };
      if (status === 'requested') await endpoints.refuse(_id, { ...end, status: 'rejected' });
      else await endpoints.disconnect(_id, { ...end, status: 'disconnected' });
    }
    await endpoints.removeService(gatewayId);
  }

  async function removeDraft(product: ProductDoc): Promise<void> {
    await products.removePlansOf(product._id);
    await products.removeProduct(product._id, product.rev, product.status);
  }

  return {
    async state(actor, gatewayId) {
      const gateway = await anyGateway(store, actor, gatewayId);
      if (!gateway.deletion) return { gateway, ...(await listed(gateway)) };
      const { held, liveApis } = await heldBy(gateway);
      return { gateway, held, liveApis, hindrances: [] };
    },

    async begin(actor, gatewayId, typedName) {
      const gateway = await anyGateway(store, actor, gatewayId);
      if (gateway.deletion) return;
      const [{ held, groups, places }, hindrances] = await Promise.all([heldBy(gateway), hindrancesOf(gateway)]);
      if (hindrances.length > 0) throw refusal(hindrances);
      if (looksAtResources(actor)) {
        for (const { _id, name } of groups) mayDo(actor, 'apig:groups:delete', gateway, `group:${_id}`, name);
        for (const { _id, groupId } of places) mayDo(actor, 'apig:apis:delete', gateway, `group:${groupId}/api:${_id}`, _id);
      }
      if (!isEmpty(held) && typedName.trim() !== gateway.name)
        throw faulty({ name: `Type the gateway’s name, ${gateway.name}, to delete it with all it holds.` });
      const mark: DeletionMark = { at: clock.now(), by: actor.userId, held };
      if (!(await gateways.markDeletion(gatewayId, gateway.rev, mark))) {
        if ((await gateways.gateway(gatewayId))?.deletion) return;
        throw new AppError('conflict');
      }
      const after = await confirm(gateway);
      if (after.length > 0) throw refusal(after);
      const { name, description, edition } = gateway;
      await audit.append(actor, {
        action: 'apig:instances:delete',
        resource: `gateway:${gatewayId}`,
        before: {
          name,
          description,
          edition: EDITIONS[edition].title,
          held,
          groupNames: groups.slice(0, NAMES_AUDITED).map((group) => `${group.name} (${group.label})`),
        },
      });
      await changes.announced(await changes.announce('catalogue-changed', { what: 'gateway', id: gatewayId }));
      await deletionBegun?.(gatewayId);
    },

    async carryOut(_actor, gatewayId) {
      const gateway = await gateways.gateway(gatewayId);
      if (!gateway?.deletion || !gateway.deleting) return;
      if (!gateway.confirmed) {
        if (clock.now() - gateway.deletion.at < UNCONFIRMED_MS) return;
        if ((await confirm(gateway)).length > 0) return;
        if (!(await gateways.gateway(gatewayId))?.confirmed) return;
      }
      // Each step removes what it finds, in an order in which nothing that is left needs what is gone.
      for (const product of (await productsOf(gateway)).filter(isDraft)) await removeDraft(product);
      await apps.removeAuthorizationsOf(gatewayId);
      await endConnections(gatewayId, gateway.deletion.by);
      for (let from = 0; from < EDITIONS[gateway.edition].apis; from += STEP) {
        const some = (await apis.apisInPlaces(gatewayId, from, from + STEP)).map(({ _id }) => _id);
        if (some.length > 0) await apis.removeApis(some);
      }
      await removeGroups(gatewayId);
      await gateways.removeEnvironmentsOf(gatewayId);
      const now = clock.now();
      if (await gateways.endDeletion(gatewayId, now)) await changes.announce('catalogue-changed', { what: 'gateway', id: gatewayId });
      else if (gateway.gone && now - (gateway.goneAt ?? 0) > LOOK_BACK_MS) await gateways.forgetDeletion(gatewayId);
    },

    async recent(actor) {
      const all = (await gateways.deletingGateways()).filter(({ organizationId }) => organizationId === actor.organizationId);
      return all.filter((gateway) => seesGateway(actor, gateway)).sort((a, b) => (b.deletion?.at ?? 0) - (a.deletion?.at ?? 0));
    },

    unfinished: async () => (await gateways.deletingGateways()).map(({ _id }) => _id),
  };
}

const STATUS_WORDS: Readonly<Partial<Record<ProductDoc['status'], string>>> = {
  submitted: 'in review',
  listed: 'listed',
  deprecated: 'closed to new buyers, not retired',
};

/** `Countries is listed and has 3 live subscriptions` */
export function hindranceWords({ product, liveSubscriptions }: Hindrance): string {
  const status = STATUS_WORDS[product.status];
  const live = liveSubscriptions === 1 ? 'has 1 live subscription' : `has ${liveSubscriptions} live subscriptions`;
  return `${product.name} ${[status && `is ${status}`, liveSubscriptions > 0 && live].filter(Boolean).join(' and ')}`;
}
