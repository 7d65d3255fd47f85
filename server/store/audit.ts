import { Schema, type Connection } from 'mongoose';

/** Append-only: who did what to what, when, from where, before and after without secrets. */
export interface AuditDoc {
  _id: string;
  at: number;
  organizationId: string;
  userId: string;
  kind: string;
  action: string;
  resource: string;
  address: string;
  requestId: string;
  before: unknown;
  after: unknown;
}

const NEWEST_MAX = 500;

export function makeAuditStore(connection: Connection) {
  const text = { type: String, required: true } as const;
  const optional = { type: String, default: '' } as const;
  const schema = new Schema<AuditDoc>(
    {
      _id: text,
      at: { type: Number, required: true },
      organizationId: optional,
      userId: optional,
      kind: text,
      action: text,
      resource: optional,
      address: optional,
      requestId: optional,
      before: { type: Schema.Types.Mixed, default: null },
      after: { type: Schema.Types.Mixed, default: null },
    },
    { collection: 'audit', strict: 'throw', versionKey: false, minimize: false },
  );
  schema.index({ organizationId: 1, at: 1 });
  schema.index({ resource: 1, action: 1, at: 1 });
  const Audit = connection.model('Audit', schema);

  return {
    models: [Audit],
    append: async (record: AuditDoc) => void (await Audit.create(record)),
    ofOrganization: (organizationId: string, from: number, to: number) => Audit.find({ organizationId, at: { $gte: from, $lt: to } }).lean<AuditDoc[]>(),
    /** The newest records of one action on one thing, newest first. */
    newestOf: (resource: string, action: string) => Audit.find({ resource, action }).sort({ at: -1, _id: -1 }).limit(NEWEST_MAX).lean<AuditDoc[]>(),
  };
}

export type AuditStore = ReturnType<typeof makeAuditStore>;
