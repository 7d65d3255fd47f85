import type { Actor } from '../../domain/actor.ts';
import {
  editionFault,
  gatewayNameFault,
  GATEWAYS_MAX,
  GROUPS_MAX,
  tagsFault,
  WINDOW_START_DEFAULT,
  type Edition,
  type Tag,
} from '../../domain/gateway-rules.ts';
import { slugFault, slugOf } from '../../domain/slug.ts';
import { AppError } from '../../kernel/errors.ts';
import type { EnvironmentDoc, GatewayDoc, GroupDoc } from '../../store/gateways.ts';
import { noRoom } from '../access-names.ts';
import { touchCatalogue } from './directory.ts';
import { faulty, ownGateway, ownGroup, refuseFaults, seesGateway, seesGroup, stillOpen, type CatalogDependencies, type ListingDependencies } from './own.ts';

export const RELEASE = 'RELEASE';
const NAME_MAX = 64;
const DESCRIPTION_MAX = 1_000;
const LABEL_TRIES = 8;

export interface NamedFields {
  readonly name: string;
  readonly description: string;
}

/** What is absent stays as it is, or as a new gateway has it. */
export interface GatewayFields extends NamedFields {
  readonly edition?: Edition | undefined;
  /** Hour UTC, one of WINDOW_STARTS. */
  readonly windowStart?: number | undefined;
  readonly tags?: readonly Tag[] | undefined;
}

export interface Gateways {
  list(actor: Actor): Promise<GatewayDoc[]>;
  get(actor: Actor, gatewayId: string): Promise<GatewayDoc>;
  /** With its first environment, RELEASE. */
  create(actor: Actor, fields: GatewayFields): Promise<GatewayDoc>;
  /** @throws conflict when it was changed since `rev` was read; invalid-form also when the edition would be lowered */
  update(actor: Actor, gatewayId: string, rev: number, fields: GatewayFields): Promise<void>;
  /** Switch maintenance on or off: while on, its APIs answer 503. In force within a second; a second press changes nothing. */
  maintain(actor: Actor, gatewayId: string, on: boolean): Promise<void>;
  environments(actor: Actor, gatewayId: string): Promise<EnvironmentDoc[]>;
}

export interface Groups {
  list(actor: Actor, gatewayId: string): Promise<GroupDoc[]>;
  get(actor: Actor, gatewayId: string, groupId: string): Promise<GroupDoc>;
  /** @param fields.label  part of every address of the group; empty: made of the name, with four letters behind when that is taken */
  create(actor: Actor, gatewayId: string, fields: NamedFields & { readonly label: string }): Promise<GroupDoc>;
  update(actor: Actor, gatewayId: string, groupId: string, rev: number, fields: NamedFields): Promise<void>;
  /** @throws conflict while it holds APIs, and for good once one was published: its address may be written in programs */
  remove(actor: Actor, gatewayId: string, groupId: string): Promise<void>;
}

function checkNamed({ name, description }: NamedFields): void {
  refuseFaults({
    ...(name.trim() === '' ? { name: 'This is needed.' } : name.length > NAME_MAX && { name: `At most ${NAME_MAX} characters fit.` }),
    ...(description.length > DESCRIPTION_MAX && { description: `At most ${DESCRIPTION_MAX} characters fit.` }),
  });
}

function checkGateway({ name, description, edition, tags }: GatewayFields, before?: GatewayDoc, usedApis = 0): void {
  const faults = {
    // A name of before this rule may stay.
    name: name === before?.name ? undefined : gatewayNameFault(name),
    description: description.length > DESCRIPTION_MAX ? `At most ${DESCRIPTION_MAX} characters fit.` : undefined,
    edition: edition && before && editionFault(before.edition, edition, usedApis),
    tags: tags && tagsFault(tags),
  };
  refuseFaults(Object.fromEntries(Object.entries(faults).filter((entry): entry is [string, string] => entry[1] !== undefined)));
}

export function makeGateways({ store, clock, ids, audit, changes }: CatalogDependencies): Gateways {
  const { gateways } = store;
  return {
    list: async (actor) =>
      (await gateways.gatewaysOf(actor.organizationId))
        .filter((gateway) => !gateway.deletion && seesGateway(actor, gateway))
        .sort((a, b) => a.createdAt - b.createdAt),
    get: (actor, gatewayId) => ownGateway(store, actor, gatewayId),

    async create(actor, fields) {
      checkGateway(fields);
      const { name, description, edition = 'basic', windowStart = WINDOW_START_DEFAULT, tags = [] } = fields;
      if (actor.organizationId === '') throw new AppError('forbidden');
      const gateway: GatewayDoc = {
        _id: ids.next('gw'),
        organizationId: actor.organizationId,
        name,
        description,
        edition,
        parameters: {},
        tags,
        windowStart,
        maintenance: false,
        createdAt: clock.now(),
        rev: 1,
      };
      // The environment first: were we stopped in between, it belongs to a gateway that never came to be, and nobody sees it.
      await gateways.addEnvironment({ _id: ids.next('env'), gatewayId: gateway._id, name: RELEASE, createdAt: clock.now() });
      if ((await gateways.addGateway(gateway, GATEWAYS_MAX)) === 'full') {
        await gateways.removeEnvironmentsOf(gateway._id);
        throw noRoom(`${GATEWAYS_MAX} gateways`, 'Delete one that is no longer used.');
      }
      await audit.append(actor, {
        action: 'apig:instances:create',
        resource: `gateway:${gateway._id}`,
        after: { name, description, edition, windowStart, tags },
      });
      await changes.announce('catalogue-changed', { what: 'gateway', id: gateway._id });
      return gateway;
    },

    async update(actor, gatewayId, rev, fields) {
      const gateway = await ownGateway(store, actor, gatewayId);
      // The edition is compared with the one this revision had, so the revision goes first.
      if (gateway.rev !== rev) throw new AppError('conflict');
      checkGateway(fields, gateway, fields.edition === gateway.edition ? 0 : await store.apis.usedSlots(gatewayId));
      const { name, description, edition = gateway.edition, windowStart = gateway.windowStart, tags = gateway.tags } = fields;
      const after = { name, description, edition, windowStart, tags };
      if (!(await gateways.updateGateway(gatewayId, rev, after))) throw new AppError('conflict');
      const before = { name: gateway.name, description: gateway.description, edition: gateway.edition, windowStart: gateway.windowStart, tags: gateway.tags };
      await audit.append(actor, { action: 'apig:instances:update', resource: `gateway:${gatewayId}`, before, after });
      await changes.announce('catalogue-changed', { what: 'gateway', id: gatewayId });
    },

    async maintain(actor, gatewayId, on) {
      await ownGateway(store, actor, gatewayId);
      if (await gateways.setMaintenance(gatewayId, on))
        await audit.append(actor, {
          action: 'apig:instances:update',
          resource: `gateway:${gatewayId}`,
          before: { maintenance: !on },
          after: { maintenance: on },
        });
      await changes.announce('catalogue-changed', { what: 'gateway', id: gatewayId });
    },

    async environments(actor, gatewayId) {
      await ownGateway(store, actor, gatewayId);
      return (await gateways.environmentsOf(gatewayId)).sort((a, b) => a.createdAt - b.createdAt);
    },
  };
}

export function makeGroups({ store, clock, ids, audit, changes, directory }: ListingDependencies): Groups {
  const { gateways, apis } = store;

  /** Try labels until one is free. */
  async function insert(group: GroupDoc, fixed: boolean): Promise<GroupDoc> {
    const slug = group.label;
    for (let tries = 0; tries < LABEL_TRIES; tries++) {
      const label =
        tries === 0 && slug.length >= 3 && slugFault(slug) === undefined
          ? slug
          : `${slug.slice(0, 45) || 'api'}-${ids
              .secret(8)
              .toLowerCase()
              .replace(/[^a-z0-9]/g, '')
              .slice(0, 4)
              .padEnd(4, 'x')}`;
      const outcome = await gateways.addGroup({ ...group, label }, GROUPS_MAX);
      if (outcome === 'added' || outcome === 'present') return { ...group, label };
      if (outcome === 'full') throw faulty({ name: `This gateway is full: all ${GROUPS_MAX.toLocaleString('en')} groups it has room for are used.` });
      if (fixed) throw faulty({ label: 'Another group has this label.' });
    }
    throw new AppError('conflict', 'No free label was found. Choose one yourself.');
  }

  return {
    async list(actor, gatewayId) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const all = await directory.read(gatewayId, 'groups', () => gateways.groupsOf(gatewayId));
      return all.filter((group) => seesGroup(actor, gateway, group)).sort((a, b) => a.createdAt - b.createdAt);
    },
    get: (actor, gatewayId, groupId) => ownGroup(store, actor, gatewayId, groupId),

    async create(actor, gatewayId, { name, description, label }) {
      const gateway = await ownGateway(store, actor, gatewayId);
      checkNamed({ name, description });
      const fault = label === '' ? undefined : slugFault(label);
      refuseFaults(fault === undefined ? {} : { label: fault });
      const group = await insert(
        {
          _id: ids.next('grp'),
          gatewayId,
          organizationId: gateway.organizationId,
          label: label || slugOf(name),
          name,
          description,
          createdAt: clock.now(),
          rev: 1,
        },
        label !== '',
      );
      await touchCatalogue(store, gatewayId);
      await stillOpen(store, gatewayId);
      await audit.append(actor, {
        action: 'apig:groups:create',
        resource: `gateway:${gatewayId}/group:${group._id}`,
        after: { name, description, label: group.label },
      });
      await changes.announce('catalogue-changed', { what: 'group', id: group._id });
      return group;
    },

    async update(actor, gatewayId, groupId, rev, { name, description }) {
      const group = await ownGroup(store, actor, gatewayId, groupId);
      checkNamed({ name, description });
      if (!(await gateways.updateGroup(groupId, rev, { name, description }))) throw new AppError('conflict');
      await touchCatalogue(store, gatewayId);
      const before = { name: group.name, description: group.description };
      await audit.append(actor, { action: 'apig:groups:update', resource: `gateway:${gatewayId}/group:${groupId}`, before, after: { name, description } });
    },

    async remove(actor, gatewayId, groupId) {
      const group = await ownGroup(store, actor, gatewayId, groupId);
      if ((await apis.sizeOfGroup(gatewayId, groupId)) > 0) throw new AppError('conflict', 'The group still holds APIs. Delete them first.');
      // A freed label could be taken by a stranger, to whom old callers would then send their credentials.
      if ((await apis.publicationsOfGroup(groupId)).length > 0)
        throw new AppError('conflict', 'APIs of this group were published: its address stays reserved, so the group cannot be deleted.');
      await gateways.removeGroup(groupId);
      await touchCatalogue(store, gatewayId);
      await audit.append(actor, {
        action: 'apig:groups:delete',
        resource: `gateway:${gatewayId}/group:${groupId}`,
        before: { name: group.name, label: group.label },
      });
      await changes.announce('catalogue-changed', { what: 'group', id: groupId });
    },
  };
}
