import { Schema, type Connection } from 'mongoose';
import type { TouchList } from './list-versions.ts';
import { addPlaced, ONE_SLOT, takenPlaces, type Placement } from './slots.ts';

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

export function makeServiceAccountsStore(connection: Connection, touch: TouchList) {
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
  schema.index({ organizationId: 1, live: 1 });
  const Accounts = connection.model('ServiceAccount', schema);

  /** Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(of: Pick<ServiceAccountDoc, 'organizationId'> | null, outcome: T): Promise<T> {
    if (of) {
      await touch('serviceAccounts', of.organizationId);
      // Keys are listed with their holders' names.
      await touch('keys', of.organizationId);
    }
    return outcome;
  }
  const account = (id: string) => Accounts.findById(id).lean<ServiceAccountDoc>();

  return {
    models: [Accounts],
    /** `taken`: the name is, in this organization. @param limit  how many an organization has room for */
    async add(doc: ServiceAccountDoc, limit: number): Promise<Placement> {
      const { organizationId, nameKey } = doc;
      const isTaken = async () => (await Accounts.exists({ organizationId, nameKey, live: true })) !== null;
      return touched(doc, await addPlaced(Accounts, doc, { organizationId }, limit, isTaken));
    },
    account,
    /** Deleted ones among them: records of what they did name them. */
    accounts: (ids: string[]) => Accounts.find({ _id: { $in: ids } }).lean<ServiceAccountDoc[]>(),
    /** How many places of an organization are taken. */
    placesTaken: (organizationId: string) => takenPlaces(Accounts, { organizationId }),
    liveOf: (organizationId: string) => Accounts.find({ organizationId, live: true }).lean<ServiceAccountDoc[]>(),
    /** Compare-and-set by `rev`. @throws duplicate key when the name is taken */
    async update(
      id: string,
      rev: number,
      change: Partial<Pick<ServiceAccountDoc, 'deletedAt' | 'disabledAt' | 'groups' | 'live' | 'name' | 'nameKey' | 'policies' | 'purpose' | 'slot'>>,
    ): Promise<boolean> {
      const { modifiedCount } = await Accounts.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } });
      return touched(await account(id), modifiedCount === 1);
    },
    async leaveGroup(organizationId: string, groupId: string): Promise<void> {
      await Accounts.updateMany({ organizationId, groups: groupId }, { $pull: { groups: groupId } });
      await touch('serviceAccounts', organizationId);
    },
  };
}
