import { Schema, type Connection } from 'mongoose';
import { PLATFORM_ORGANIZATION } from '../domain/actor.ts';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';

/** Where an organization's people sign in. */
export interface ConnectionDoc {
  /** The organization's id: it has one at most. */
  _id: string;
  issuer: string;
  clientId: string;
  /** The client's secret, sealed for this organization. */
  cipher: string;
  /** People of its domains who have no account, or are no members, become members. */
  admits: boolean;
  /** What they then hold. */
  policies: string[];
  groups: string[];
  /** Members with an address of its domains have no other way in. */
  required: boolean;
  /** Administrators who keep theirs all the same, beside the owner. */
  breakGlass: string[];
  rev: number;
}

/** A domain that an organization says is its own. */
export interface DomainDoc {
  /** `<organization>.<domain>` */
  _id: string;
  organizationId: string;
  domain: string;
  /** An operator has seen that it is theirs; of those there is one for each domain. */
  confirmed: boolean;
  claimedAt: number;
  confirmedAt: number | null;
  confirmedBy: string;
  /** What the operator saw. */
  evidence: string;
}

/** Somebody at an issuer, and the user he is here. */
export interface IdentityDoc {
  /** Hex SHA-256 of issuer and subject: each is one user. */
  _id: string;
  issuer: string;
  subject: string;
  organizationId: string;
  userId: string;
  createdAt: number;
}

export function makeSignOnStore(connection: Connection, touch: TouchList) {
  const text = { type: String, required: true } as const;
  const flag = { type: Boolean, required: true } as const;
  const list = { type: [String], required: true } as const;
  const time = { type: Number, required: true } as const;
  const connections = new Schema<ConnectionDoc>(
    { _id: text, issuer: text, clientId: text, cipher: text, admits: flag, policies: list, groups: list, required: flag, breakGlass: list, rev: time },
    { collection: 'signOnConnections', strict: 'throw', versionKey: false },
  );
  const domains = new Schema<DomainDoc>(
    {
      _id: text,
      organizationId: text,
      domain: text,
      confirmed: flag,
      claimedAt: time,
      confirmedAt: { type: Number, default: null },
      confirmedBy: { type: String, default: '' },
      evidence: { type: String, default: '' },
    },
    { collection: 'signOnDomains', strict: 'throw', versionKey: false },
  );
  // Anybody may claim a domain; this index lets one organization have it.
  domains.index({ domain: 1 }, { unique: true, partialFilterExpression: { confirmed: true } });
  domains.index({ organizationId: 1 });
  domains.index({ confirmed: 1 });
  const identities = new Schema<IdentityDoc>(
    { _id: text, issuer: text, subject: text, organizationId: text, userId: text, createdAt: time },
    { collection: 'signOnIdentities', strict: 'throw', versionKey: false },
  );
  identities.index({ organizationId: 1, userId: 1 });
  const barred = new Schema<{ _id: string }>({ _id: text }, { collection: 'signOnBarred', strict: 'throw', versionKey: false });

  const Connections = connection.model('SignOnConnection', connections);
  const Domains = connection.model('SignOnDomain', domains);
  const Identities = connection.model('SignOnIdentity', identities);
  const Barred = connection.model('SignOnBarred', barred);
  const within = (organizationId: string, what: string) => `${organizationId}.${what}`;

  /** Operators see the domains of all. Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(outcome: T): Promise<T> {
    await touch('domains', PLATFORM_ORGANIZATION);
    return outcome;
  }

  return {
    models: [Connections, Domains, Identities, Barred],
    connection: (organizationId: string) => Connections.findById(organizationId).lean<ConnectionDoc>(),
    /** False: there is one already. */
    addConnection: (doc: ConnectionDoc) => insertOnce(() => Connections.create(doc)),
    /** Compare-and-set by `rev`. False: somebody else changed it meanwhile. */
    updateConnection: async (id: string, rev: number, change: Partial<Omit<ConnectionDoc, '_id' | 'rev'>>) =>
      (await Connections.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } })).modifiedCount === 1,
    /** Every organization's, one after the other. */
    connections: () => Connections.find({}, { cipher: 1 }).lean<Pick<ConnectionDoc, '_id' | 'cipher'>[]>().cursor(),
    /** The same secret, sealed anew: no new `rev`. */
    resealConnection: async (_id: string, from: string, cipher: string) =>
      (await Connections.updateOne({ _id, cipher: from }, { $set: { cipher } })).modifiedCount === 1,
    removeConnection: async (id: string) => (await Connections.deleteOne({ _id: id })).deletedCount === 1,

    domain: (id: string) => Domains.findById(id).lean<DomainDoc>(),
    confirmedDomain: (domain: string) => Domains.findOne({ domain, confirmed: true }).lean<DomainDoc>(),
    domainsOf: (organizationId: string) => Domains.find({ organizationId }).lean<DomainDoc[]>(),
    domains: (ids: readonly string[]) => Domains.find({ _id: { $in: [...ids] } }).lean<DomainDoc[]>(),
    /** Of all organizations, what puts them into their order. */
    domainsThatAre: (confirmed: boolean) => Domains.find({ confirmed }, { domain: 1, claimedAt: 1 }).lean<Pick<DomainDoc, '_id' | 'claimedAt' | 'domain'>[]>(),
    /** False: it is claimed already. */
    claimDomain: async (organizationId: string, domain: string, at: number) =>
      touched(await insertOnce(() => Domains.create({ _id: within(organizationId, domain), organizationId, domain, confirmed: false, claimedAt: at }))),
    /** False: it is confirmed already, or gone. @throws duplicate key when another organization has it */
    confirmDomain: async (id: string, by: { readonly userId: string; readonly evidence: string; readonly at: number }) =>
      touched(
        (
          await Domains.updateOne(
            { _id: id, confirmed: false },
            { $set: { confirmed: true, confirmedAt: by.at, confirmedBy: by.userId, evidence: by.evidence } },
          )
        ).modifiedCount === 1,
      ),
    withdrawConfirmation: async (id: string) =>
      touched(
        (await Domains.updateOne({ _id: id, confirmed: true }, { $set: { confirmed: false, confirmedAt: null, confirmedBy: '', evidence: '' } }))
          .modifiedCount === 1,
      ),
    removeDomain: async (id: string) => touched((await Domains.deleteOne({ _id: id })).deletedCount === 1),

    identity: (id: string) => Identities.findById(id).lean<IdentityDoc>(),
    /** False: this subject of this issuer is somebody already. */
    addIdentity: (doc: IdentityDoc) => insertOnce(() => Identities.create(doc)),
    removeIdentities: async (organizationId: string, userId?: string) =>
      void (await Identities.deleteMany({ organizationId, ...(userId !== undefined && { userId }) })),

    /** Whoever was removed or left: single sign-on does not bring them back. */
    bar: (organizationId: string, userId: string) => insertOnce(() => Barred.create({ _id: within(organizationId, userId) })),
    unbar: async (organizationId: string, userId: string) => void (await Barred.deleteOne({ _id: within(organizationId, userId) })),
    isBarred: async (organizationId: string, userId: string) => (await Barred.findById(within(organizationId, userId)).lean()) !== null,
  };
}
