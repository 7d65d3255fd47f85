import { Schema, type Connection } from 'mongoose';
import { QUANTITIES, windowKey, type HourTotal } from '../domain/usage-totals.ts';
import { DIMENSIONS, OTHER_VALUE, splitId, type Dimension, type Split } from '../domain/usage-splits.ts';
import { insertOnce } from './connect.ts';

/** By value (as `fieldOf` writes it) and hour of the day; a quantity that is zero may be missing. */
export type StoredParts = Record<string, Record<string, Partial<HourTotal>>>;

/** A cache of the batches: one window and day, split by what its calls are told apart by. */
export interface UsageSplitDoc {
  /** `<subscription>.<window>.<yyyy-mm-dd>` */
  _id: string;
  sub: string;
  /** `<period>.<change>` */
  window: string;
  /** `<subscription>|<window>` */
  windowKey: string;
  /** Start of the day, UTC, epoch ms. */
  day: number;
  by: Record<Dimension, StoredParts>;
  /** By boot: the number of the last batch that is in it. */
  counted: Record<string, number>;
  rev: number;
}

interface Mark {
  readonly boot: string;
  readonly number: number;
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const mixed = { type: Schema.Types.Mixed, required: true } as const;

/** A value as the name of a field: none has a dot, begins with a dollar or is empty. */
const fieldOf = (value: string): string =>
  value === OTHER_VALUE ? '%other' : value === '' ? '%empty' : value.replace(/[%.$\0]/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
const valueOf = (field: string): string =>
  field === '%other' ? OTHER_VALUE : field === '%empty' ? '' : field.replace(/%([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));

const storedParts = (parts: Split['by'][Dimension]): StoredParts =>
  Object.fromEntries(
    [...parts].map(([value, hours]) => [fieldOf(value), Object.fromEntries([...hours].map(([hour, quantities]) => [String(hour), { ...quantities }]))]),
  );
const stored = ({ by }: Pick<Split, 'by'>): UsageSplitDoc['by'] => ({
  app: storedParts(by.app),
  credential: storedParts(by.credential),
  operation: storedParts(by.operation),
  outcome: storedParts(by.outcome),
});

const readParts = (parts: StoredParts | undefined): Split['by'][Dimension] =>
  new Map(
    Object.entries(parts ?? {}).map(([field, hours]) => [
      valueOf(field),
      new Map(Object.entries(hours).map(([hour, quantities]) => [Number(hour), { ...NO_QUANTITIES, ...quantities }])),
    ]),
  );
const NO_QUANTITIES = Object.fromEntries(QUANTITIES.map((quantity) => [quantity, 0n])) as HourTotal;

export interface KeptSplit extends Split {
  readonly id: string;
  readonly counted: Readonly<Record<string, number>>;
  readonly rev: number;
}
/** As the domain knows it; dimensions that were not read are empty. */
const kept = ({ _id, sub, window, day, by, counted, rev }: UsageSplitDoc): KeptSplit => ({
  id: _id,
  sub,
  window,
  day,
  by: { app: readParts(by.app), credential: readParts(by.credential), operation: readParts(by.operation), outcome: readParts(by.outcome) },
  counted,
  rev,
});

export function makeUsageSplitsStore(connection: Connection) {
  const schema = new Schema<UsageSplitDoc>(
    { _id: text, sub: text, window: text, windowKey: text, day: number, by: mixed, counted: mixed, rev: number },
    { strict: 'throw', versionKey: false, minimize: false, collection: 'usageSplits' },
  );
  schema.index({ windowKey: 1 });
  schema.index({ sub: 1, day: 1 });
  const Splits = connection.model('UsageSplit', schema);

  return {
    models: [Splits],
    get: async (id: string): Promise<KeptSplit | null> => {
      const found = await Splits.findById(id).lean<UsageSplitDoc>();
      return found && kept(found);
    },
    /** Add what the batches of a boot up to this mark bring, and move the mark, if the split still is as it was read. */
    add: async (id: string, by: Split['by'], { boot, number: batch }: Mark, rev: number): Promise<boolean> => {
      const added = DIMENSIONS.flatMap((dimension) =>
        [...by[dimension]].flatMap(([value, hours]) =>
          [...hours].flatMap(([hour, quantities]) =>
            QUANTITIES.flatMap((quantity) =>
              quantities[quantity] === 0n ? [] : [[`by.${dimension}.${fieldOf(value)}.${hour}.${quantity}`, quantities[quantity]] as const],
            ),
          ),
        ),
      );
      const update = { $inc: { ...Object.fromEntries(added), rev: 1 }, $set: { [`counted.${boot}`]: batch } };
      return (await Splits.collection.updateOne({ _id: id, rev } as never, update as never)).modifiedCount === 1;
    },
    /** A split that is missing altogether. */
    insert: (split: Split, counted: Record<string, number>): Promise<boolean> => {
      const { sub, window, day } = split;
      return insertOnce(() => Splits.create({ _id: splitId(split), sub, window, windowKey: windowKey(sub, window), day, by: stored(split), counted, rev: 1 }));
    },
    ofWindow: async (sub: string, window: string): Promise<KeptSplit[]> =>
      (await Splits.find({ windowKey: windowKey(sub, window) }).lean<UsageSplitDoc[]>()).map(kept),
    /** One dimension of the days that begin in [from, to). */
    ofDays: async (sub: string, from: number, to: number, dimension: Dimension): Promise<KeptSplit[]> =>
      (
        await Splits.find({ sub, day: { $gte: from, $lt: to } }, { sub: 1, window: 1, day: 1, counted: 1, rev: 1, [`by.${dimension}`]: 1 }).lean<
          UsageSplitDoc[]
        >()
      ).map(kept),
    /** Put right what was counted wrongly, unless it was counted on meanwhile. */
    correct: async (id: string, rev: number, split: Pick<Split, 'by'>, counted: Readonly<Record<string, number>>) =>
      (await Splits.updateOne({ _id: id, rev }, { $set: { by: stored(split), counted, rev: rev + 1 } })).modifiedCount === 1,
  };
}
