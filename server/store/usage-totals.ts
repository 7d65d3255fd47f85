import { Schema, type Connection } from 'mongoose';
import { QUANTITIES, totalId, windowKey, type HourTotal, type Total, type TotalDifference } from '../domain/usage-totals.ts';
import { insertOnce, isDuplicateKey } from './connect.ts';

/** A cache of the batches: one window, meter and day. */
export interface UsageTotalDoc {
  /** `<subscription>.<window>.<meter>.<yyyy-mm-dd>` */
  _id: string;
  sub: string;
  /** `<period>.<change>` */
  window: string;
  /** `<subscription>|<window>` */
  windowKey: string;
  meter: string;
  /** Start of the day, UTC, epoch ms. */
  day: number;
  /** By hour of the day; a quantity that is zero may be missing. */
  hours: Record<string, Partial<HourTotal>>;
  /** By boot: the number of the last batch that is in it. */
  counted: Record<string, number>;
  rev: number;
}

/** What comparing a window's totals with its batches found, the last time somebody looked. */
export interface TotalsFindingDoc {
  /** `<subscription>|<window>` */
  _id: string;
  sub: string;
  window: string;
  /** Epoch ms. */
  at: number;
  /** How many there are; the first of them are kept as rows. */
  count: number;
  rows: TotalDifference[];
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const mixed = { type: Schema.Types.Mixed, required: true } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

/** Writes in one command. */
const WRITES_MAX = 500;

export function makeUsageTotalsStore(connection: Connection) {
  const totals = new Schema<UsageTotalDoc>(
    { _id: text, sub: text, window: text, windowKey: text, meter: text, day: number, hours: mixed, counted: mixed, rev: number },
    { ...options, collection: 'usageTotals' },
  );
  totals.index({ windowKey: 1 });
  totals.index({ sub: 1, day: 1 });
  const findings = new Schema<TotalsFindingDoc>(
    { _id: text, sub: text, window: text, at: number, count: number, rows: mixed },
    { ...options, collection: 'totalsFindings' },
  );
  const Totals = connection.model('UsageTotal', totals);
  const Findings = connection.model('TotalsFinding', findings);

  /**
   * One write adds the batch and moves the mark, and its condition is the mark: whatever repeats it (a second process, the driver after
   * a lost answer, a start after a kill) meets no total that it could change again.
   */
  const addition = (total: Total, mark: { readonly boot: string; readonly number: number }, upsert: boolean) => {
    const added = [...total.hours].flatMap(([hour, quantities]) =>
      QUANTITIES.flatMap((quantity) => (quantities[quantity] === 0n ? [] : [[`hours.${hour}.${quantity}`, quantities[quantity]] as const])),
    );
    const { sub, window, meter, day } = total;
    return {
      updateOne: {
        filter: { _id: totalId(total), [`counted.${mark.boot}`]: { $not: { $gte: mark.number } } },
        update: {
          $inc: { ...Object.fromEntries(added), rev: 1 },
          $set: { [`counted.${mark.boot}`]: mark.number },
          ...(upsert && { $setOnInsert: { sub, window, windowKey: windowKey(sub, window), meter, day } }),
        },
        upsert,
      },
    };
  };

  return {
    models: [Totals, Findings],
    /** Add what one batch brings to each of its totals, once. Batches of a boot come in the order of their numbers. */
    async add(list: readonly Total[], mark: { readonly boot: string; readonly number: number }): Promise<void> {
      for (let at = 0; at < list.length; at += WRITES_MAX) {
        const some = list.slice(at, at + WRITES_MAX);
        const write = (upsert: boolean) => Totals.collection.bulkWrite(some.map((total) => addition(total, mark, upsert)) as never, { ordered: false });
        try {
          await write(true);
        } catch (error) {
          if (!onlyDuplicates(error)) throw error;
          // The total stands: it holds this batch, or another boot made it at this moment. Both are settled by the same writes without the insert.
          await write(false);
        }
      }
    },
    ofWindow: (sub: string, window: string) => Totals.find({ windowKey: windowKey(sub, window) }).lean<UsageTotalDoc[]>(),
    /** Totals of the days that begin in [from, to). */
    ofDays: (sub: string, from: number, to: number) => Totals.find({ sub, day: { $gte: from, $lt: to } }).lean<UsageTotalDoc[]>(),
    /** Put right what was counted wrongly, unless it was counted on meanwhile. */
    correct: async (id: string, rev: number, { hours, counted }: Pick<UsageTotalDoc, 'counted' | 'hours'>) =>
      (await Totals.updateOne({ _id: id, rev }, { $set: { hours, counted, rev: rev + 1 } })).modifiedCount === 1,
    /** A total that is missing altogether. */
    insert: (total: UsageTotalDoc) => insertOnce(() => Totals.create(total)),
    findings: () => Findings.find().lean<TotalsFindingDoc[]>(),
    setFinding: async ({ _id, ...finding }: TotalsFindingDoc) => void (await Findings.updateOne({ _id }, { $set: finding }, { upsert: true })),
    dropFinding: async (id: string) => void (await Findings.deleteOne({ _id: id })),
  };
}

/** Every write of the command that failed did so because its document stands already. */
function onlyDuplicates(error: unknown): boolean {
  if (!isDuplicateKey(error)) return false;
  const faults = (error as { writeErrors?: unknown }).writeErrors;
  return (Array.isArray(faults) ? faults : [faults]).every(
    (fault: unknown) => typeof fault === 'object' && fault !== null && 'code' in fault && fault.code === 11000,
  );
}
