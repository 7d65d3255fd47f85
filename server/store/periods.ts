import { Schema, type Connection } from 'mongoose';
import { PLATFORM_ORGANIZATION } from '../domain/actor.ts';
import type { PeriodStatus } from '../domain/lifecycles.ts';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';

/** A stretch of one period under one plan version; `<index>.<changeIndex>` is the window's key in every usage record. */
export interface PeriodWindow {
  changeIndex: number;
  from: number;
  planVersionId: string;
}

/** Who closes a period, until when by the machine's clock (epoch ms), and the how-manieth that is. */
export interface PeriodLease {
  owner: string;
  until: number;
  fence: number;
}

/** Boundaries are stored when the period is made and never computed again (rule N8). The next period is stored ahead, so that gateways know it. */
export interface PeriodDoc {
  /** `<subscription>_<index>` */
  _id: string;
  subscriptionId: string;
  index: number;
  startAt: number;
  /** Exclusive; the start of the next one. */
  endAt: number;
  windows: PeriodWindow[];
  /** Its subscription is in it, or was: the version is settled. */
  begun?: boolean;
  latenessSeconds: number;
  status: PeriodStatus;
  lease: PeriodLease | null;
  /** Once, at the freeze: billable units by window key and meter, as decimal strings of int64. */
  frozen: Record<string, Record<string, string>> | null;
  frozenAt: number | null;
}

const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;
const mixed = { type: Schema.Types.Mixed, default: null } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

export function makePeriodsStore(connection: Connection, touch: TouchList) {
  const schema = new Schema<PeriodDoc>(
    {
      _id: text,
      subscriptionId: text,
      index: number,
      startAt: number,
      endAt: number,
      windows: { type: Schema.Types.Mixed, required: true },
      begun: { type: Boolean, default: false },
      latenessSeconds: number,
      status: { type: String, enum: ['open', 'closing', 'frozen', 'invoiced'], required: true },
      lease: mixed,
      frozen: mixed,
      frozenAt: { type: Number, default: null },
    },
    options,
  );
  schema.index({ subscriptionId: 1, index: 1 }, { unique: true });
  schema.index({ subscriptionId: 1, status: 1 });
  schema.index({ status: 1, endAt: 1 });
  schema.index({ frozenAt: 1 });
  const Periods = connection.model('Period', schema);

  return {
    models: [Periods],
    /** Stored ahead of time, so operators are not told: what ends on a later day is read by whoever looks on that day. */
    add: (period: PeriodDoc) => insertOnce(() => Periods.create(period)),
    get: (subscriptionId: string, index: number) => Periods.findById(`${subscriptionId}_${index}`).lean<PeriodDoc>(),
    /** The version that a period which has not begun will run under (rule N6). `begun`: it begins now, and keeps it. Nothing happens to one that has begun. */
    setVersion: async ({ _id, startAt }: Pick<PeriodDoc, '_id' | 'startAt'>, planVersionId: string, begun = false) =>
      void (await Periods.updateOne(
        { _id, status: 'open', begun: { $ne: true } },
        { $set: { windows: [{ changeIndex: 0, from: startAt, planVersionId }], begun } },
      )),
    /** Of those that stand where `status` says and end before `to`, what puts them into their order. */
    endTimes: (status: PeriodStatus, to: number) =>
      Periods.find({ status, endAt: { $gte: 0, $lt: to } }, { endAt: 1, index: 1 }).lean<Pick<PeriodDoc, '_id' | 'endAt' | 'index'>[]>(),
    /** Ids of those whose quantities were frozen in [from, to), and when. */
    frozenTimes: async (from: number, to: number): Promise<{ _id: string; at: number }[]> =>
      (await Periods.find({ frozenAt: { $gte: from, $lt: to } }, { frozenAt: 1 }).lean<Pick<PeriodDoc, '_id' | 'frozenAt'>[]>()).map(({ _id, frozenAt }) => ({
        _id,
        at: frozenAt ?? 0,
      })),
    many: (ids: string[]) => Periods.find({ _id: { $in: ids } }).lean<PeriodDoc[]>(),
    /** Of a subscription. */
    notInvoiced: (subscriptionId: string) => Periods.find({ subscriptionId, status: { $in: ['open', 'closing', 'frozen'] } }).lean<PeriodDoc[]>(),
    ofSubscription: (subscriptionId: string) => Periods.find({ subscriptionId }).lean<PeriodDoc[]>(),
    /** Periods that ended in [from, to) and stand where `status` says. */
    ended: (status: PeriodStatus, from: number, to: number) => Periods.find({ status, endAt: { $gte: from, $lt: to } }).lean<PeriodDoc[]>(),
    /** open → closing, ours while the lease lasts. False: read it again. */
    beginClosing: async (id: string, lease: PeriodLease) =>
      (await Periods.updateOne({ _id: id, status: 'open' }, { $set: { status: 'closing', lease } })).modifiedCount === 1,
    /** Take over a close whose owner's lease ran out; the higher fence shuts the old owner out. */
    takeOverClosing: async (id: string, fence: number, lease: PeriodLease) =>
      (await Periods.updateOne({ _id: id, status: 'closing', 'lease.fence': fence }, { $set: { lease } })).modifiedCount === 1,
    /** closing → frozen, once, with the quantities that will never change (invariant I15). */
    freeze: async (id: string, fence: number, frozen: Record<string, Record<string, string>>, frozenAt: number) =>
      (await Periods.updateOne({ _id: id, status: 'closing', 'lease.fence': fence }, { $set: { status: 'frozen', frozen, frozenAt, lease: null } }))
        .modifiedCount === 1,
    markInvoiced: async (id: string) => {
      const { modifiedCount } = await Periods.updateOne({ _id: id, status: 'frozen' }, { $set: { status: 'invoiced' } });
      await touch('openPeriods', PLATFORM_ORGANIZATION);
      return modifiedCount === 1;
    },
  };
}
