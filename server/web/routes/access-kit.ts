import type { Actor } from '../../domain/actor.ts';
import { ROLES, type PolicyRow } from '../../services/access-policies.ts';
import type { Services } from '../../services/index.ts';
import type { UserGroupDoc } from '../../store/access.ts';
import type { FieldSpec } from '../present/form.ts';
import type { ResourceChoice } from '../present/policy-form.ts';
import { tagFilter } from '../present/tag-filter.ts';

/** The presets in a few words. */
export const ROLE_WORDS: Readonly<Record<(typeof ROLES)[number], string>> = {
  Administrator: 'Everything in this organization, members included.',
  FullAccess: 'Gateways, APIs and products.',
  Developer: 'Apps, keys and usage.',
  Billing: 'Subscriptions, invoices and payment methods.',
  ReadOnlyAccess: 'Sees everything, changes nothing.',
};

/** More are typed: a page of boxes helps nobody. */
const CHOICES_MAX = 60;

/** Gateways, their groups, and products, as far as the actor sees them: what a statement can be limited to. */
export async function resourceChoices({ catalog }: Pick<Services, 'catalog'>, actor: Actor) {
  const [gateways, products] = await Promise.all([catalog.gateways.list(actor), catalog.products.list(actor)]);
  const ofGateways = await Promise.all(
    gateways.map(async ({ _id, name }) => [
      { value: `gateway:${_id}`, label: `Gateway ${name}`, gatewayId: _id },
      ...(await catalog.groups.list(actor, _id)).map((group) => ({
        value: `gateway:${_id}/group:${group._id}`,
        label: `API group ${group.name} of ${name}`,
        gatewayId: _id,
      })),
    ]),
  );
  const all: ResourceChoice[] = [
    ...ofGateways.flat(),
    ...products.map(({ _id, name, gatewayId }) => ({ value: `product:${_id}`, label: `Product ${name}`, gatewayId })),
  ];
  return {
    all,
    /**
     * Those to choose from: of gateways with the tags that are asked for, and what is chosen already.
     * @param query  holds the tags, as the address of a list does
     */
    filtered(path: string, query: Readonly<Record<string, unknown>>, chosen: readonly string[]) {
      const filter = tagFilter(
        path,
        query,
        gateways.map((gateway) => ({ gateway })),
      );
      const meant = all.filter(({ value, gatewayId }) => !filter.active || filter.meant.has(gatewayId) || chosen.includes(value));
      return { filter: filter.model, choices: meant.slice(0, CHOICES_MAX) };
    },
  };
}

/** Names of policies, presets and own. */
export const policyNames = (own: readonly PolicyRow[]): ((id: string) => string) => {
  const names = new Map(own.map(({ _id, name }) => [_id, name]));
  return (id) => names.get(id) ?? id;
};

/** Boxes for what somebody can hold: the presets and the organization's own policies. */
export const policyBoxes = (own: readonly PolicyRow[], held: readonly string[], idPrefix = '') =>
  [
    ...ROLES.map((name) => ({ value: name, label: name, help: ROLE_WORDS[name] })),
    ...own.map(({ _id, name, description }) => ({ value: _id, label: name, help: description })),
  ].map((box, index) => ({ ...box, id: `${idPrefix}policy-${index}`, checked: held.includes(box.value) }));

export const groupBoxes = (groups: readonly UserGroupDoc[], held: readonly string[], idPrefix = '') =>
  groups.map(({ _id, name, description }, index) => ({
    value: _id,
    label: name,
    help: description,
    id: `${idPrefix}group-${index}`,
    checked: held.includes(_id),
  }));

export const NAME_FIELDS = { name: { label: 'Name', required: true, maxlength: 64 }, description: { label: 'Description', maxlength: 255 } } satisfies Record<
  string,
  FieldSpec
>;
