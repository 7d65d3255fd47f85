import { Schema, type Connection } from 'mongoose';
import { addPlaced, ONE_SLOT } from './slots.ts';

/** A policy an organization wrote for itself. */
export interface PolicyDoc {
  _id: string;
  organizationId: string;
  name: string;
  /** Lower case: names are told apart without regard to case. */
  nameKey: string;
  description: string;
  /** The document as JSON text, as it was typed: keys with dots and `$` are no business of the store. */
  text: string;
  /** Its place among those an organization has room for. */
  slot?: number;
  createdAt: number;
  rev: number;
}

/** A group of users: its members hold its policies. */
export interface UserGroupDoc {
  _id: string;
  organizationId: string;
  name: string;
  nameKey: string;
  description: string;
  /** Preset names and `pol_…`. */
  policies: string[];
  /** Its place among those an organization has room for. */
  slot?: number;
  createdAt: number;
  rev: number;
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const options = { strict: 'throw', versionKey: false } as const;

export function makeAccessStore(connection: Connection) {
  const policies = new Schema<PolicyDoc>(
    {
      _id: text,
      organizationId: text,
      name: text,
      nameKey: text,
      description: { type: String, default: '' },
      text,
      slot: number,
      createdAt: number,
      rev: number,
    },
    { ...options, collection: 'policies' },
  );
  policies.index({ organizationId: 1, slot: 1 }, ONE_SLOT);
  policies.index({ organizationId: 1, nameKey: 1 }, { unique: true });
  const groups = new Schema<UserGroupDoc>(
    {
      _id: text,
      organizationId: text,
      name: text,
      nameKey: text,
      description: { type: String, default: '' },
      policies: { type: [String], required: true },
      slot: number,
      createdAt: number,
      rev: number,
    },
    { ...options, collection: 'userGroups' },
  );
  groups.index({ organizationId: 1, slot: 1 }, ONE_SLOT);
  groups.index({ organizationId: 1, nameKey: 1 }, { unique: true });
  const Policies = connection.model('Policy', policies);
  const Groups = connection.model('UserGroup', groups);

  return {
    models: [Policies, Groups],
    /** `taken`: the name is, in this organization. @param limit  how many an organization has room for */
    addPolicy(policy: PolicyDoc, limit: number) {
      const { organizationId, nameKey } = policy;
      return addPlaced(Policies, policy, { organizationId }, limit, async () => (await Policies.exists({ organizationId, nameKey })) !== null);
    },
    policy: (id: string) => Policies.findById(id).lean<PolicyDoc>(),
    policies: (ids: string[]) => Policies.find({ _id: { $in: ids } }).lean<PolicyDoc[]>(),
    policiesOf: (organizationId: string) => Policies.find({ organizationId }).lean<PolicyDoc[]>(),
    /** Compare-and-set by `rev`. @throws duplicate key when the name is taken */
    updatePolicy: async (id: string, rev: number, change: Pick<PolicyDoc, 'name' | 'nameKey' | 'description' | 'text'>) =>
      (await Policies.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    removePolicy: async (id: string, rev: number) => (await Policies.deleteOne({ _id: id, rev })).deletedCount === 1,

    /** `taken`: the name is, in this organization. @param limit  how many an organization has room for */
    addGroup(group: UserGroupDoc, limit: number) {
      const { organizationId, nameKey } = group;
      return addPlaced(Groups, group, { organizationId }, limit, async () => (await Groups.exists({ organizationId, nameKey })) !== null);
    },
    group: (id: string) => Groups.findById(id).lean<UserGroupDoc>(),
    groups: (ids: string[]) => Groups.find({ _id: { $in: ids } }).lean<UserGroupDoc[]>(),
    groupsOf: (organizationId: string) => Groups.find({ organizationId }).lean<UserGroupDoc[]>(),
    /** Compare-and-set by `rev`. @throws duplicate key when the name is taken */
    updateGroup: async (id: string, rev: number, change: Pick<UserGroupDoc, 'name' | 'nameKey' | 'description' | 'policies'>) =>
      (await Groups.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    removeGroup: async (id: string, rev: number) => (await Groups.deleteOne({ _id: id, rev })).deletedCount === 1,
  };
}

export type AccessStore = ReturnType<typeof makeAccessStore>;
