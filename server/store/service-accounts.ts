import { Schema, type Connection } from 'mongoose';
import { addPlaced, ONE_SLOT } from './slots.ts';

/** A member that is no person: programs act as it, by access keys. It cannot sign in and gets no mail. */
export interface ServiceAccountDoc {
  /** `sva_…` */
  _id: string;
  organizationId: string;
  name: string;
  /** Lower case: names are told apart without regard to case. */
  nameKey: string;
  purpose: string;
  /** Preset names and `pol_…`, as members hold them. */
  policies: string[];
  /** Groups of users, `ugr_…`. */
  groups: string[];
  disabledAt: number | null;
  deletedAt: number | null;
  /** Not deleted. */
  live: boolean;
  /** Its place among those an organization has room for; given back when it is deleted. */
  slot?: number | null;
  createdAt: number;
  createdBy: string;
  rev: number;
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const time = { type: Number, default: null } as const;

export function makeServiceAccountsStore(connection: Connection) {
  const schema = new Schema<ServiceAccountDoc>(
    {
      _id: text,
      organizationId: text,
      name: text,
      nameKey: text,
      purpose: { type: String, default: '' },
      policies: { type: [String], required: true },
      groups: { type: [String], required: true },
      disabledAt: time,
      deletedAt: time,
      live: { type: Boolean, required: true },
      slot: time,
      createdAt: number,
      createdBy: { type: String, default: '' },
      rev: number,
    },
    { collection: 'serviceAccounts', strict: 'throw', versionKey: false },
  );
  schema.index({ organizationId: 1, nameKey: 1 }, { unique: true, partialFilterExpression: { live: true } });
  schema.index({ organizationId: 1, slot: 1 }, ONE_SLOT);
  schema.index({ organizationId: 1 });
  const Accounts = connection.model('ServiceAccount', schema);

  return {
    models: [Accounts],
    /** `taken`: the name is, in this organization. @param limit  how many an organization has room for */
    add(account: ServiceAccountDoc, limit: number) {
      const { organizationId, nameKey } = account;
      return addPlaced(Accounts, account, { organizationId }, limit, async () => (await Accounts.exists({ organizationId, nameKey, live: true })) !== null);
    },
    account: (id: string) => Accounts.findById(id).lean<ServiceAccountDoc>(),
    accounts: (ids: string[]) => Accounts.find({ _id: { $in: ids } }).lean<ServiceAccountDoc[]>(),
    /** Deleted ones among them: records of what they did name them. */
    ofOrganization: (organizationId: string) => Accounts.find({ organizationId }).lean<ServiceAccountDoc[]>(),
    /** Compare-and-set by `rev`. @throws duplicate key when the name is taken */
    update: async (
      id: string,
      rev: number,
      change: Partial<Pick<ServiceAccountDoc, 'deletedAt' | 'disabledAt' | 'groups' | 'live' | 'name' | 'nameKey' | 'policies' | 'purpose' | 'slot'>>,
    ) => (await Accounts.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    leaveGroup: async (organizationId: string, groupId: string) =>
      void (await Accounts.updateMany({ organizationId, groups: groupId }, { $pull: { groups: groupId } })),
  };
}

export type ServiceAccountsStore = ReturnType<typeof makeServiceAccountsStore>;
