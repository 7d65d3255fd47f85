import { Schema, type Connection } from 'mongoose';
import { readLog } from '../domain/call-lines.ts';
import type { CallNotes, CallRecord } from '../domain/metering.ts';
import { DAY_MS, dayOf, HOUR_MS } from '../domain/usage-totals.ts';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';

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
  /** The connection it came over; empty: the public listener. */
  via: string;
  gateway: string;
  notes: CallNotes | null;
}

/** The single calls of a batch: a log, not the bill; ages out alone. */
export interface CallLogLines {
  _id: string;
  subs: string[];
  /** Gateways with notes beside calls of it. */
  noted: string[];
  minTs: number;
  /** As the journal wrote them: a gateway stores thousands a second, and few are ever looked at. */
  lines: string;
  expiresAt: Date;
}

export interface CallLogDoc extends Omit<CallLogLines, 'lines'> {
  calls: LoggedCall[];
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

/** One run of a gateway: who writes batches, and how far they are counted in the totals. */
export interface UsageBootDoc {
  /** `<node>-<boot>`: the name of its mark in every total. */
  _id: string;
  node: string;
  boot: string;
  /** Every batch up to this number is in the totals. */
  through: number;
  /** The last numbers that were counted: one below `through` that is not among them came late. */
  recent: number[];
  /** Nobody writes batches of it any more. */
  ended: boolean;
  /** False: ended, and counted to the end. */
  open: boolean;
  /** Every batch up to this number is in the splits. Missing in a boot that began before there were splits: none is. */
  split?: number;
  /** False: ended, and in the splits to the end. */
  splitOpen?: boolean;
}

const loggedCall = (record: CallRecord): LoggedCall => ({
  id: record.callId,
  at: record.admittedAt,
  sub: record.subscriptionId ?? '',
  window: record.window,
  app: record.appId,
  credential: record.credentialId,
  api: record.apiId,
  operation: record.operation,
  method: record.method,
  path: record.path,
  outcome: record.outcome,
  status: record.status,
  bytesIn: record.bytesIn,
  bytesOut: record.bytesOut,
  upstreamMs: record.upstreamMs,
  totalMs: record.totalMs,
  receipt: record.receipt,
  via: record.via,
  gateway: record.gatewayId,
  notes: record.notes ?? null,
});

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

/** Ranges have two ends: the embedded engine reads past an open one. */
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

export const bootId = (node: string, boot: string): string => `${node}-${boot}`;

/** Usage batches, the calls behind them, and how far every gateway has stored its own. */
export function makeUsageStore(connection: Connection, touch: TouchList) {
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
  // Unique, because a total knows what it holds by the number alone: a second batch of the same number would be lost to it.
  batches.index({ node: 1, boot: 1, number: 1 }, { unique: true });
  const logs = new Schema<CallLogLines>(
    {
      _id: text,
      subs: { type: [String], required: true },
      noted: { type: [String], default: [] },
      minTs: number,
      lines: text,
      expiresAt: { type: Date, required: true },
    },
    { ...options, collection: 'callLogs' },
  );
  logs.index({ subs: 1, minTs: 1 });
  logs.index({ noted: 1, minTs: 1 });
  logs.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const watermarks = new Schema<WatermarkDoc>(
    { _id: text, boot: text, flushedThrough: number, seenAt: number, retired: { type: Boolean, required: true }, retiredBy: { type: String, default: '' } },
    { ...options, collection: 'watermarks' },
  );

  const boots = new Schema<UsageBootDoc>(
    {
      _id: text,
      node: text,
      boot: text,
      through: number,
      recent: { type: [Number], required: true },
      ended: { type: Boolean, required: true },
      open: { type: Boolean, required: true },
      split: Number,
      splitOpen: Boolean,
    },
    { ...options, collection: 'usageBoots' },
  );
  boots.index({ open: 1 });
  boots.index({ splitOpen: 1 });

  const Batches = connection.model('UsageBatch', batches);
  const Logs = connection.model('CallLog', logs);
  const Watermarks = connection.model('Watermark', watermarks);
  const Boots = connection.model('UsageBoot', boots);
  const known = new Set<string>();

  /** Before its first batch: a boot that nobody knows would be counted by nobody. One that had ended is looked at again. */
  async function register({ node, boot }: Pick<UsageBatchDoc, 'boot' | 'node'>): Promise<void> {
    const _id = bootId(node, boot);
    if (known.has(_id)) return;
    if (!(await insertOnce(() => Boots.create({ _id, node, boot, through: 0, recent: [], ended: false, open: true, split: 0, splitOpen: true })))) {
      await Boots.updateOne({ _id }, { $set: { ended: false, open: true, splitOpen: true } });
    }
    known.add(_id);
  }

  return {
    models: [Batches, Logs, Watermarks, Boots],
    /**
     * One writer for each boot, in the order of its numbers, each acknowledged before the next is begun: whoever sees a batch sees all before it.
     * False: stored before, which is success: a batch's content never changes.
     */
    async addBatch(batch: UsageBatchDoc): Promise<boolean> {
      await register(batch);
      // Thousands of fields that the type has vouched for: the model's copies and checks would cost more than the rest of a gateway's batch.
      const added = await insertOnce(() => Batches.insertMany([batch], { lean: true }));
      // Days that are over are kept in memory by whoever shows them; an hour more, because clocks of processes differ.
      const over = dayOf(batch.storedAt + HOUR_MS) - DAY_MS;
      if (batch.minTs < over) await touch('usage', ...batch.entries.filter(({ hour, sub }) => hour < over && sub !== '').map(({ sub }) => sub));
      return added;
    },
    /** What was counted of a subscription was put right. */
    recounted: (sub: string): Promise<void> => touch('usage', sub),
    /** All batches of a boot are stored. */
    async endBoot(node: string, boot: string): Promise<void> {
      known.delete(bootId(node, boot));
      await Boots.updateOne({ _id: bootId(node, boot) }, { $set: { ended: true } });
    },
    openBoots: () => Boots.find({ open: true }).lean<UsageBootDoc[]>(),
    boots: (ids: string[]) => Boots.find({ _id: { $in: ids } }).lean<UsageBootDoc[]>(),
    /** Counted further, if nobody else was faster. */
    advanceBoot: async (id: string, from: number, { through, recent }: Pick<UsageBootDoc, 'recent' | 'through'>) =>
      (await Boots.updateOne({ _id: id, through: from }, { $set: { through, recent } })).modifiedCount === 1,
    /** A batch that came late is counted. */
    noteLate: async (id: string, number: number) => void (await Boots.updateOne({ _id: id }, { $addToSet: { recent: number } })),
    closeBoot: async (id: string) => (await Boots.updateOne({ _id: id, ended: true, open: true }, { $set: { open: false } })).modifiedCount === 1,
    /** Boots that may have batches which are not in the splits; those that know of no splits have all of theirs. */
    splitBoots: () => Boots.find({ splitOpen: { $in: [true, null] } } as never).lean<UsageBootDoc[]>(),
    /** Split further, if nobody else was faster. */
    advanceSplit: async (id: string, from: number, to: number) =>
      (await Boots.updateOne({ _id: id, split: from === 0 ? { $in: [0, null] } : from } as never, { $set: { split: to } })).modifiedCount === 1,
    closeSplit: async (id: string) =>
      (await Boots.updateOne({ _id: id, ended: true, open: false, splitOpen: { $in: [true, null] } } as never, { $set: { splitOpen: false } }))
        .modifiedCount === 1,
    /** Numbers of a boot's batches from `from` on. */
    numbersOf: async ({ node, boot }: Pick<UsageBatchDoc, 'boot' | 'node'>, from: number) =>
      (await Batches.find({ node, boot, number: { $gte: from, $lte: NUMBER_MAX } }, { number: 1 }).lean<{ number: number }[]>())
        .map((found) => found.number)
        .sort((a, b) => a - b),
    /** A boot's batches from one number to another, both included, by number. */
    batchesBetween: async ({ node, boot }: Pick<UsageBatchDoc, 'boot' | 'node'>, from: number, to: number = NUMBER_MAX) =>
      (await Batches.find({ node, boot, number: { $gte: from, $lte: to } }).lean<UsageBatchDoc[]>()).sort((a, b) => a.number - b.number),
    /** The same as `batchesOfWindow`, one after the other: for windows of any size. */
    eachOfWindow: (sub: string, window: string): AsyncIterable<UsageBatchDoc> =>
      Batches.find({ windows: `${sub}|${window}` })
        .lean<UsageBatchDoc>()
        .cursor(),
    addLog: (log: CallLogLines) => insertOnce(() => Logs.insertMany([log], { lean: true })),
    batch: (id: string) => Batches.findById(id).lean<UsageBatchDoc>(),
    batchesOfWindow: (sub: string, window: string) => Batches.find({ windows: `${sub}|${window}` }).lean<UsageBatchDoc[]>(),
    /** Batches that hold calls of a subscription and began in [from, to). */
    batchesOf: (sub: string, from: number, to: number) => Batches.find({ subs: sub, minTs: { $gte: from, $lt: to } }).lean<UsageBatchDoc[]>(),
    logsOf: async (sub: string, from: number, to: number): Promise<CallLogDoc[]> =>
      (await Logs.find({ subs: sub, minTs: { $gte: from, $lt: to } }).lean<CallLogLines[]>()).map(({ lines = '', ...log }) => ({
        ...log,
        calls: readLog(lines).map(loggedCall),
      })),
    /** Calls of a gateway beside which something is noted, in batches that began in [from, to). */
    notedCalls: async (gatewayId: string, from: number, to: number): Promise<LoggedCall[]> =>
      (await Logs.find({ noted: gatewayId, minTs: { $gte: from, $lt: to } }).lean<CallLogLines[]>()).flatMap(({ lines = '' }) =>
        readLog(lines)
          .filter((record) => record.gatewayId === gatewayId && record.notes !== undefined)
          .map(loggedCall),
      ),
    watermarks: () => Watermarks.find().lean<WatermarkDoc[]>(),
    /** A node reports; a higher mark of the same boot never falls back, a new boot begins anew. */
    report: async ({ _id, ...report }: WatermarkDoc) => void (await Watermarks.updateOne({ _id }, { $set: report }, { upsert: true })),
    retire: async (node: string, retiredBy: string) =>
      (await Watermarks.updateOne({ _id: node, retired: false }, { $set: { retired: true, retiredBy } })).modifiedCount === 1,
  };
}

export type UsageStore = ReturnType<typeof makeUsageStore>;
