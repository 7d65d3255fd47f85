import { fillIn, type Migration } from './step.ts';

/** Fields by which things are looked for, or which a conditional write compares: a document without them would be found by nobody and changed by nobody. */
const FIELDS: readonly (readonly [collection: string, field: string, values: Readonly<Record<string, unknown>>])[] = [
  ['gateways', 'gone', { gone: false, goneAt: null, deletion: null, deleting: false, confirmed: false }],
  ['gateways', 'windowStart', { windowStart: 2 }],
  ['gateways', 'maintenance', { maintenance: false }],
  ['gateways', 'privateOnly', { privateOnly: false }],
  ['gateways', 'parameters', { parameters: {} }],
  ['gateways', 'tags', { tags: [] }],
  ['groups', 'gone', { gone: false }],
  ['memberships', 'groups', { groups: [] }],
  ['memberships', 'rev', { rev: 1 }],
  ['tokens', 'groups', { groups: [] }],
  ['subscriptions', 'unsettled', { unsettled: false }],
  ['invoices', 'remakes', { remakes: 0 }],
  ['invoices', 'carriedFrom', { carriedFrom: [] }],
];

export const laterFields: Migration = {
  name: 'fields that came later',
  async run(database, progress) {
    for (const [collection, field, values] of FIELDS) await progress(await fillIn(database, collection, field, values));
  },
};
