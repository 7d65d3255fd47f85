import { Schema, type Connection } from 'mongoose';
import { PLATFORM_ORGANIZATION } from '../domain/actor.ts';
import type { OrganizationRules, RulesSuspension } from '../domain/organization-rules.ts';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';
import { makeTokensStore } from './tokens.ts';

export interface UserDoc {
  _id: string;
  /** Lower case. */
  email: string;
  name: string;
  /** Empty: none, as long as single sign-on alone opens the account. */
  passwordHash: string;
  verifiedAt: number | null;
  createdAt: number;
  /** The authenticator app beside the password; without `confirmedAt` it counts for nothing yet. */
  secondFactor?: SecondFactorDoc | null;
  /** Part of the session's mark: another one ends every session. */
  sessionSalt?: string | null;
  /** Somebody who had the password asked to be freed of the second factor. */
  recovery?: RecoveryAskDoc | null;
}

export interface RecoveryAskDoc {
  /** Whose administrators were told; `org_platform`: the operators. */
  to: string;
  askedAt: number;
  /** How the person says to be reached. */
  words: string;
  /** The password the ask was made with, as `passwordMark` names it; under another one it counts for nothing. */
  mark: string;
}

export interface SecondFactorDoc {
  /** The secret, sealed for this user. */
  cipher: string;
  /** What sessions are opened under: stays when the secret is sealed anew. Absent: the factor is of before, and its cipher stands in. */
  mark?: string;
  confirmedAt: number | null;
  /** The last 30-second step whose code was accepted: only later ones are. */
  lastStep: number;
  /** Hex SHA-256 of the unused recovery codes. */
  recovery: string[];
}

export interface SellerProfile {
  displayName: string;
  slug: string;
  website: string;
  supportEmail: string;
  about: string;
}

export interface OrganizationDoc {
  _id: string;
  name: string;
  kind: 'customer' | 'platform';
  ownerId: string;
  seller: SellerProfile | null;
  sellerSlug: string | null;
  stripeCustomerId: string | null;
  /** The card that pays: Stripe's id and what may be shown of it. */
  paymentMethod: { id: string; brand: string; last4: string; expMonth: number; expYear: number } | null;
  createdAt: number;
  rev: number;
  /** How many years the audit log reaches back; absent = the platform's default. */
  auditYears?: number;
  /** What the audit log held before is gone. */
  auditGoneBefore?: number;
  /** What every sign-in has to fulfil; with a revision of its own. */
  rules?: OrganizationRules | null;
  /** Set by an operator; over by itself, or once the rules are saved anew. */
  rulesSuspension?: RulesSuspension | null;
}

export interface MembershipDoc {
  /** `<organization>.<user>` */
  _id: string;
  organizationId: string;
  userId: string;
  /** Policies held directly: preset names and `pol_…`. */
  policies: string[];
  /** Groups of users, `ugr_…`: their policies are held too. */
  groups: string[];
  createdAt: number;
  /** Of its rights: who changes them says what he saw. */
  rev: number;
}

export type { TokenDoc } from './tokens.ts';

const text = { type: String, required: true } as const;
const time = { type: Number, required: true } as const;

/** Of a membership, by its id. */
const organizationOf = (membershipId: string): string => membershipId.slice(0, membershipId.indexOf('.'));

export function makeAccountsStore(connection: Connection, touch: TouchList) {
  const users = new Schema<UserDoc>(
    {
      _id: text,
      email: text,
      name: text,
      passwordHash: { type: String, default: '' },
      verifiedAt: { type: Number, default: null },
      createdAt: time,
      secondFactor: Schema.Types.Mixed,
      sessionSalt: String,
      recovery: Schema.Types.Mixed,
    },
    { strict: 'throw', versionKey: false },
  );
  users.index({ email: 1 }, { unique: true });
  users.index({ 'recovery.to': 1 });
  const organizations = new Schema<OrganizationDoc>(
    {
      _id: text,
      name: text,
      kind: { type: String, enum: ['customer', 'platform'], required: true },
      ownerId: text,
      seller: { type: Schema.Types.Mixed, default: null },
      sellerSlug: { type: String },
      stripeCustomerId: { type: String, default: null },
      paymentMethod: { type: Schema.Types.Mixed, default: null },
      createdAt: time,
      rev: { type: Number, required: true },
      auditYears: Number,
      auditGoneBefore: Number,
      rules: { type: Schema.Types.Mixed, default: null },
      rulesSuspension: Schema.Types.Mixed,
    },
    { strict: 'throw', versionKey: false },
  );
  organizations.index({ createdAt: 1 });
  organizations.index({ sellerSlug: 1 }, { unique: true, partialFilterExpression: { sellerSlug: { $type: 'string' } } });
  organizations.index({ stripeCustomerId: 1 });
  const memberships = new Schema<MembershipDoc>(
    {
      _id: text,
      organizationId: text,
      userId: text,
      policies: { type: [String], required: true },
      groups: { type: [String], default: [] },
      createdAt: time,
      rev: { type: Number, required: true },
    },
    { strict: 'throw', versionKey: false },
  );
  memberships.index({ organizationId: 1 });
  memberships.index({ userId: 1 });
  const Users = connection.model('User', users);
  const Organizations = connection.model('Organization', organizations);
  const Memberships = connection.model('Membership', memberships);
  const tokens = makeTokensStore(connection, touch);

  /** Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(organizationId: string, outcome: T): Promise<T> {
    await touch('members', organizationId);
    return outcome;
  }

  /** Of a user who may be waiting for help: whether the ask still counts hangs on password and second factor. */
  async function touchedAsk<T>(outcome: T): Promise<T> {
    await touch('helpAsked', PLATFORM_ORGANIZATION);
    return outcome;
  }

  return {
    ...tokens,
    models: [Users, Organizations, Memberships, ...tokens.models],
    /** False: the address has an account already. */
    addUser: (user: UserDoc) => insertOnce(() => Users.create(user)),
    user: (id: string) => Users.findById(id).lean<UserDoc>(),
    userByEmail: (email: string) => Users.findOne({ email }).lean<UserDoc>(),
    users: (ids: string[]) => Users.find({ _id: { $in: ids } }).lean<UserDoc[]>(),
    /** True: this call verified it; false: it was verified before. */
    verifyUser: async (id: string, at: number) => (await Users.updateOne({ _id: id, verifiedAt: null }, { $set: { verifiedAt: at } })).modifiedCount === 1,
    /** False: the password is not `from` any more. */
    replacePassword: async (id: string, from: string, passwordHash: string) =>
      touchedAsk((await Users.updateOne({ _id: id, passwordHash: from }, { $set: { passwordHash } })).modifiedCount === 1),
    /** False: there is a confirmed one, or it is not the one with the cipher `from` any more. */
    beginSecondFactor: async (id: string, from: string | null, secondFactor: SecondFactorDoc) =>
      (await Users.updateOne({ _id: id, 'secondFactor.cipher': from, 'secondFactor.confirmedAt': null }, { $set: { secondFactor } })).modifiedCount === 1,
    /** False: it is confirmed already, or another secret was begun meanwhile. */
    confirmSecondFactor: async (id: string, secondFactor: SecondFactorDoc) =>
      touchedAsk(
        (await Users.updateOne({ _id: id, 'secondFactor.cipher': secondFactor.cipher, 'secondFactor.confirmedAt': null }, { $set: { secondFactor } }))
          .modifiedCount === 1,
      ),
    /** True: this call accepted the step; false: it, or a later one, was accepted before. */
    acceptStep: async (id: string, cipher: string, step: number) =>
      (await Users.updateOne({ _id: id, 'secondFactor.cipher': cipher, 'secondFactor.lastStep': { $lt: step } }, { $set: { 'secondFactor.lastStep': step } }))
        .modifiedCount === 1,
    /** True: this call used it up. */
    useRecoveryCode: async (id: string, cipher: string, hash: string) =>
      (await Users.updateOne({ _id: id, 'secondFactor.cipher': cipher, 'secondFactor.recovery': hash }, { $pull: { 'secondFactor.recovery': hash } }))
        .modifiedCount === 1,
    replaceRecovery: async (id: string, cipher: string, recovery: string[]) =>
      (await Users.updateOne({ _id: id, 'secondFactor.cipher': cipher }, { $set: { 'secondFactor.recovery': recovery } })).matchedCount === 1,
    /** The salt with it: a session from before it was on, under the mark of the password alone, must not come back to life. */
    /** Of the account as it was read. False: its password, its second factor or its sessions are others by now. */
    removeSecondFactor: async (
      { _id, passwordHash, secondFactor, sessionSalt: from }: Pick<UserDoc, '_id' | 'passwordHash' | 'secondFactor' | 'sessionSalt'>,
      sessionSalt: string,
    ) => {
      const { modifiedCount } = await Users.updateOne(
        { _id, passwordHash, 'secondFactor.cipher': secondFactor?.cipher ?? '', sessionSalt: from ?? null },
        { $set: { secondFactor: null, sessionSalt, recovery: null } },
      );
      return touchedAsk(modifiedCount === 1);
    },
    /** Every authenticator app, also those that wait for their first code, one after the other. */
    sealedFactors: () =>
      Users.find({ 'secondFactor.cipher': { $type: 'string' } }, { secondFactor: 1 })
        .lean<{ _id: string; secondFactor: SecondFactorDoc }[]>()
        .cursor(),
    /** The same secret, sealed anew. */
    resealFactor: async (id: string, from: string, { cipher, mark }: Required<Pick<SecondFactorDoc, 'cipher' | 'mark'>>) =>
      (await Users.updateOne({ _id: id, 'secondFactor.cipher': from }, { $set: { 'secondFactor.cipher': cipher, 'secondFactor.mark': mark } }))
        .modifiedCount === 1,
    askRecovery: async (id: string, recovery: RecoveryAskDoc) => touchedAsk(void (await Users.updateOne({ _id: id }, { $set: { recovery } }))),
    /** Those who asked the administrators of an organization, or the operators. */
    askedRecovery: (to: string) => Users.find({ 'recovery.to': to }).lean<UserDoc[]>(),
    /** Ends every session of the user. False: somebody else has done it meanwhile. */
    replaceSessionSalt: async (id: string, from: string | null, sessionSalt: string) =>
      (await Users.updateOne({ _id: id, sessionSalt: from }, { $set: { sessionSalt } })).modifiedCount === 1,
    async setUserName(id: string, name: string): Promise<void> {
      await Users.updateOne({ _id: id }, { $set: { name } });
      const organizationIds = (await Memberships.find({ userId: id }).lean<MembershipDoc[]>()).map(({ organizationId }) => organizationId);
      await touch('members', ...organizationIds);
      await touch('keys', ...organizationIds);
    },

    addOrganization: (organization: OrganizationDoc) =>
      insertOnce(() => {
        // The partial unique index is over strings, so an organization that does not sell carries no slug at all.
        const { sellerSlug, ...rest } = organization;
        return Organizations.create(sellerSlug === null ? rest : { ...rest, sellerSlug });
      }),
    organization: (id: string) => Organizations.findById(id).lean<OrganizationDoc>(),
    organizations: (ids: string[]) => Organizations.find({ _id: { $in: ids } }).lean<OrganizationDoc[]>(),
    organizationsMadeBefore: (at: number) => Organizations.find({ createdAt: { $gte: 0, $lt: at } }).lean<OrganizationDoc[]>(),
    organizationByCustomer: (stripeCustomerId: string) => Organizations.findOne({ stripeCustomerId }).lean<OrganizationDoc>(),
    /** Compare-and-set by `rev`. False: somebody else changed it meanwhile. @throws duplicate key when the seller's slug is taken */
    updateOrganization: async (id: string, rev: number, change: Partial<Omit<OrganizationDoc, '_id' | 'rev'>>) =>
      (await Organizations.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    /** A suspension ends with it. False: the rules are not of the revision `from` any more; null: none were ever set. */
    setRules: async (id: string, from: number | null, rules: OrganizationRules) =>
      (await Organizations.updateOne({ _id: id, 'rules.rev': from }, { $set: { rules, rulesSuspension: null } })).modifiedCount === 1,
    /** Of the rules of this revision, the list of addresses alone. False: they are not of that revision any more. */
    liftAddresses: async (id: string, rev: number) =>
      (await Organizations.updateOne({ _id: id, 'rules.rev': rev }, { $set: { 'rules.addresses': [], 'rules.rev': rev + 1 } })).modifiedCount === 1,
    setRulesSuspension: async (id: string, rulesSuspension: RulesSuspension | null) =>
      void (await Organizations.updateOne({ _id: id }, { $set: { rulesSuspension } })),
    /** First one wins; read the organization again afterwards. */
    setStripeCustomer: async (id: string, stripeCustomerId: string) =>
      (await Organizations.updateOne({ _id: id, stripeCustomerId: null }, { $set: { stripeCustomerId } })).modifiedCount === 1,
    /** Only forward, and whatever else is being changed. */
    setAuditGoneBefore: async (id: string, at: number) => void (await Organizations.updateOne({ _id: id }, { $max: { auditGoneBefore: at } })),
    setPaymentMethod: async (id: string, paymentMethod: OrganizationDoc['paymentMethod']) =>
      void (await Organizations.updateOne({ _id: id }, { $set: { paymentMethod } })),

    /** False: the user is a member already. */
    addMembership: async (membership: Omit<MembershipDoc, '_id' | 'rev'>) =>
      touched(
        membership.organizationId,
        await insertOnce(() => Memberships.create({ _id: `${membership.organizationId}.${membership.userId}`, rev: 1, ...membership })),
      ),
    membership: (organizationId: string, userId: string) => Memberships.findById(`${organizationId}.${userId}`).lean<MembershipDoc>(),
    membershipsOfUser: (userId: string) => Memberships.find({ userId }).lean<MembershipDoc[]>(),
    membershipsOfOrganization: (organizationId: string) => Memberships.find({ organizationId }).lean<MembershipDoc[]>(),
    /** Whatever they were. The revision counts on, so that a form that was made before is refused. */
    setRights: async (organizationId: string, userId: string, rights: Pick<MembershipDoc, 'policies' | 'groups'>) =>
      touched(organizationId, (await Memberships.updateOne({ _id: `${organizationId}.${userId}` }, { $set: rights, $inc: { rev: 1 } })).matchedCount === 1),
    /** Compare-and-set by `rev`. False: somebody else changed them meanwhile, or the member is gone. */
    replaceRights: async (id: string, rev: number, rights: Pick<MembershipDoc, 'policies' | 'groups'>) =>
      touched(organizationOf(id), (await Memberships.updateOne({ _id: id, rev }, { $set: { ...rights, rev: rev + 1 } })).modifiedCount === 1),
    async joinGroup(organizationId: string, userId: string, groupId: string): Promise<void> {
      await Memberships.updateOne({ _id: `${organizationId}.${userId}`, groups: { $ne: groupId } }, { $addToSet: { groups: groupId }, $inc: { rev: 1 } });
      await touch('members', organizationId);
    },
    async leaveGroup(organizationId: string, userId: string, groupId: string): Promise<void> {
      await Memberships.updateOne({ _id: `${organizationId}.${userId}`, groups: groupId }, { $pull: { groups: groupId }, $inc: { rev: 1 } });
      await touch('members', organizationId);
    },
    removeMembership: async (organizationId: string, userId: string) =>
      touched(organizationId, (await Memberships.deleteOne({ _id: `${organizationId}.${userId}` })).deletedCount === 1),
  };
}
