import { Schema, type Connection } from 'mongoose';
import type { AuditOutcome } from '../domain/audit-filter.ts';
import { insertOnce } from './connect.ts';

/** Append-only: who did what to what, when, from where, before and after without secrets. No verb of this file changes a record. */
export interface AuditDoc {
  _id: string;
  at: number;
  organizationId: string;
  userId: string;
  kind: string;
  /** What may be shown of the access key that a program came with; absent for people. */
  key?: string;
  action: string;
  resource: string;
  /** The ids in `resource`, from the outermost, so that the trail of a gateway holds what was done to its APIs. */
  things: string[];
  outcome: AuditOutcome;
  address: string;
  requestId: string;
  before: unknown;
  after: unknown;
}

/** The place after a record in the order of pages, newest first; with an empty id the start of an instant. */
export interface AuditCursor {
  readonly at: number;
  readonly id: string;
}

/** Whose records, and at most one of the equalities that have an index. */
export type AuditSelection = { readonly organizationId: string } & (
  { readonly things?: string } | { readonly userId?: string } | { readonly requestId?: string }
);

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
      key: String,
      action: text,
      resource: optional,
      things: { type: [String], default: [] },
      outcome: { type: String, enum: ['done', 'refused'], default: 'done' },
      address: optional,
      requestId: optional,
      before: { type: Schema.Types.Mixed, default: null },
      after: { type: Schema.Types.Mixed, default: null },
    },
    { collection: 'audit', strict: 'throw', versionKey: false, minimize: false },
  );
  schema.index({ organizationId: 1, at: 1 });
  schema.index({ organizationId: 1, things: 1, at: 1 });
  schema.index({ organizationId: 1, userId: 1, at: 1 });
  schema.index({ organizationId: 1, requestId: 1, at: 1 });
  schema.index({ resource: 1, action: 1, at: 1 });
  const Audit = connection.model('Audit', schema);

  return {
    models: [Audit],
    /** False: there is a record of this id already, and it stays as it is. */
    append: (record: AuditDoc) => insertOnce(() => Audit.create(record)),
    ofOrganization: (organizationId: string, from: number, to: number) => Audit.find({ organizationId, at: { $gte: from, $lt: to } }).lean<AuditDoc[]>(),
    /** At most `max` records from `from` on that stand after the cursor, newest first. */
    async before(selection: AuditSelection, from: number, cursor: AuditCursor, max: number): Promise<AuditDoc[]> {
      const newestFirst = { at: -1, _id: -1 } as const;
      // Of one instant there are few: which of them come after the cursor is told here, since a range of ids would be a scan.
      const same =
        cursor.id === ''
          ? []
          : await Audit.find({ ...selection, at: cursor.at })
              .sort(newestFirst)
              .lean<AuditDoc[]>();
      const rest = same.filter(({ _id }) => _id < cursor.id);
      if (rest.length >= max || cursor.at <= from) return rest.slice(0, max);
      const older = Audit.find({ ...selection, at: { $gte: from, $lt: cursor.at } });
      return [
        ...rest,
        ...(await older
          .sort(newestFirst)
          .limit(max - rest.length)
          .lean<AuditDoc[]>()),
      ];
    },
    /** The newest records of one action on one thing, newest first. */
    newestOf: (resource: string, action: string) => Audit.find({ resource, action }).sort({ at: -1, _id: -1 }).limit(NEWEST_MAX).lean<AuditDoc[]>(),
    count: (organizationId: string, from: number, to: number) => Audit.countDocuments({ organizationId, at: { $gte: from, $lt: to } }),
    /** The one way out: all records of an organization within a span, when their time is over. @returns how many went */
    expire: async (organizationId: string, from: number, to: number) => (await Audit.deleteMany({ organizationId, at: { $gte: from, $lt: to } })).deletedCount,
  };
}

export type AuditStore = ReturnType<typeof makeAuditStore>;
