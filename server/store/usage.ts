import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

/** Calls that ended alike in one hour: the bill is computed from these. */
export interface UsageEntry {
  /** Subscription; empty for open APIs and direct authorizations, which are counted and never billed. */
  sub: string;
  /** `<period>.<change>` */
  window: string;
  /** Start of the hour of admission, epoch ms. */
  hour: number;
  app: string;
  credential: string;
  api: string;
  operation: string;
  outcome: string;
  calls: bigint;
  /** By meter, weights included, whether billable or not. */
  units: Record<string, bigint>;
  bytesIn: bigint;
  bytesOut: bigint;
}

/** Sealed and immutable: the atomic unit of metering. The same `_id` always carries the same content. */
export interface UsageBatchDoc {
  /** `<node>.<boot>.<number>` */
  _id: string;
  node: string;
  boot: string;
  number: number;
  entries: UsageEntry[];
  /** Distinct subscriptions, and distinct `<subscription>|<window>`, for the indexes. */
  subs: string[];
  windows: string[];
  minTs: number;
  maxTs: number;
  storedAt: number;
  sha256: string;
}

export interface LoggedCall {
  id: string;
  at: number;
  sub: string;
  window: string;
  app: string;
  credential: string;
  api: string;
  operation: string;
  method: string;
  path: string;
  outcome: string;
  status: number;
  bytesIn: number;
  bytesOut: number;
  upstreamMs: number;
  totalMs: number;
  receipt: number;
}

/** The single calls of a batch: a log, not the bill; ages out alone. */
export interface CallLogDoc {
  _id: string;
  subs: string[];
  minTs: number;
  calls: LoggedCall[];
  expiresAt: Date;
}

export interface WatermarkDoc {
  /** The node. */
  _id: string;
  boot: string;
  /** Everything admitted before this instant is stored, epoch ms of the gateway's clock. */
  flushedThrough: number;
  /** Epoch ms of the machine's clock. */
  seenAt: number;
  retired: boolean;
  /** `stopped in order`, or the operator. */
  retiredBy: string;
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

/** Usage batches, the calls behind them, and how far every gateway has stored its own. */
export function makeUsageStore(connection: Connection) {
  const batches = new Schema<UsageBatchDoc>(
    {
      _id: text,
      node: text,
      boot: text,
      number,
      entries: { type: Schema.Types.Mixed, required: true },
      subs: { type: [String], required: true },
      windows: { type: [String], required: true },
      minTs: number,
      maxTs: number,
      storedAt: number,
      sha256: text,
    },
    { ...options, collection: 'usageBatches' },
  );
  batches.index({ windows: 1 });
  batches.index({ subs: 1, minTs: 1 });
  batches.index({ storedAt: 1 });
  const logs = new Schema<CallLogDoc>(
    {
      _id: text,
      subs: { type: [String], required: true },
      minTs: number,
      calls: { type: Schema.Types.Mixed, required: true },
      expiresAt: { type: Date, required: true },
    },
    { ...options, collection: 'callLogs' },
  );
  logs.index({ subs: 1, minTs: 1 });
  logs.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const watermarks = new Schema<WatermarkDoc>(
    { _id: text, boot: text, flushedThrough: number, seenAt: number, retired: { type: Boolean, required: true }, retiredBy: { type: String, default: '' } },
    { ...options, collection: 'watermarks' },
  );

  const Batches = connection.model('UsageBatch', batches);
  const Logs = connection.model('CallLog', logs);
  const Watermarks = connection.model('Watermark', watermarks);

  return {
    models: [Batches, Logs, Watermarks],
    /** False: stored before, which is success: a batch's content never changes. */
    addBatch: (batch: UsageBatchDoc) => insertOnce(() => Batches.create(batch)),
    addLog: (log: CallLogDoc) => insertOnce(() => Logs.create(log)),
    batch: (id: string) => Batches.findById(id).lean<UsageBatchDoc>(),
    batchesOfWindow: (sub: string, window: string) => Batches.find({ windows: `${sub}|${window}` }).lean<UsageBatchDoc[]>(),
    /** Batches that hold calls of a subscription and began in [from, to). */
    batchesOf: (sub: string, from: number, to: number) => Batches.find({ subs: sub, minTs: { $gte: from, $lt: to } }).lean<UsageBatchDoc[]>(),
    logsOf: (sub: string, from: number, to: number) => Logs.find({ subs: sub, minTs: { $gte: from, $lt: to } }).lean<CallLogDoc[]>(),
    watermarks: () => Watermarks.find().lean<WatermarkDoc[]>(),
    /** A node reports; a higher mark of the same boot never falls back, a new boot begins anew. */
    report: async ({ _id, ...report }: WatermarkDoc) => void (await Watermarks.updateOne({ _id }, { $set: report }, { upsert: true })),
    retire: async (node: string, retiredBy: string) =>
      (await Watermarks.updateOne({ _id: node, retired: false }, { $set: { retired: true, retiredBy } })).modifiedCount === 1,
  };
}

export type UsageStore = ReturnType<typeof makeUsageStore>;
