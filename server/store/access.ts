import { Schema, type Connection } from 'mongoose';
import type { TouchList } from './list-versions.ts';
import { addPlaced, ONE_SLOT, takenPlaces, type Placement } from './slots.ts';

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

export function makeAccessStore(connection: Connection, touch: TouchList) {
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

  /** Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(list: 'policies' | 'userGroups', of: { readonly organizationId: string } | null, outcome: T): Promise<T> {
    if (of) await touch(list, of.organizationId);
    return outcome;
  }
  const policy = (id: string) => Policies.findById(id).lean<PolicyDoc>();
  const group = (id: string) => Groups.findById(id).lean<UserGroupDoc>();

  return {
    models: [Policies, Groups],
    /** `taken`: the name is, in this organization. @param limit  how many an organization has room for */
    async addPolicy(doc: PolicyDoc, limit: number): Promise<Placement> {
      const { organizationId, nameKey } = doc;
      const isTaken = async () => (await Policies.exists({ organizationId, nameKey })) !== null;
      return touched('policies', doc, await addPlaced(Policies, doc, { organizationId }, limit, isTaken));
    },
    policy,
    policies: (ids: readonly string[]) => Policies.find({ _id: { $in: [...ids] } }).lean<PolicyDoc[]>(),
    /** How many places of an organization are taken. */
    placesOfPolicies: (organizationId: string) => takenPlaces(Policies, { organizationId }),
    policiesOf: (organizationId: string) => Policies.find({ organizationId }).lean<PolicyDoc[]>(),
    /** Compare-and-set by `rev`. @throws duplicate key when the name is taken */
    async updatePolicy(id: string, rev: number, change: Pick<PolicyDoc, 'name' | 'nameKey' | 'description' | 'text'>): Promise<boolean> {
      const { modifiedCount } = await Policies.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } });
      return touched('policies', await policy(id), modifiedCount === 1);
    },
    async removePolicy(id: string, rev: number): Promise<boolean> {
      const found = await policy(id);
      return touched('policies', found, (await Policies.deleteOne({ _id: id, rev })).deletedCount === 1);
    },

    /** `taken`: the name is, in this organization. @param limit  how many an organization has room for */
    async addGroup(doc: UserGroupDoc, limit: number): Promise<Placement> {
      const { organizationId, nameKey } = doc;
      const isTaken = async () => (await Groups.exists({ organizationId, nameKey })) !== null;
      return touched('userGroups', doc, await addPlaced(Groups, doc, { organizationId }, limit, isTaken));
    },
    group,
    groups: (ids: readonly string[]) => Groups.find({ _id: { $in: [...ids] } }).lean<UserGroupDoc[]>(),
    /** How many places of an organization are taken. */
    placesOfGroups: (organizationId: string) => takenPlaces(Groups, { organizationId }),
    groupsOf: (organizationId: string) => Groups.find({ organizationId }).lean<UserGroupDoc[]>(),
    /** Compare-and-set by `rev`. @throws duplicate key when the name is taken */
    async updateGroup(id: string, rev: number, change: Pick<UserGroupDoc, 'name' | 'nameKey' | 'description' | 'policies'>): Promise<boolean> {
      const { modifiedCount } = await Groups.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } });
      return touched('userGroups', await group(id), modifiedCount === 1);
    },
    async removeGroup(id: string, rev: number): Promise<boolean> {
      const found = await group(id);
      return touched('userGroups', found, (await Groups.deleteOne({ _id: id, rev })).deletedCount === 1);
    },
  };
}
