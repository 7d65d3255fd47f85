import { Schema, type Connection } from 'mongoose';
import { PLATFORM_ORGANIZATION } from '../domain/actor.ts';
import { insertOnce } from './connect.ts';
import type { TouchList } from './list-versions.ts';

export interface InboxDoc {
  /** `stripe.<event id>`: the unique key that makes a delivery count once. */
  _id: string;
  source: string;
  type: string;
  objectId: string;
  /** The event's own time, epoch ms. */
  occurredAt: number;
  receivedAt: number;
  raw: string;
  status: 'received' | 'done' | 'dead';
  /** True while not done or dead; what the sweep looks for. */
  open: boolean;
  attempts: number;
  result: string;
  handledAt: number | null;
}

export function makeInboxStore(connection: Connection, touch: TouchList) {
  const text = { type: String, required: true } as const;
  const number = { type: Number, required: true } as const;
  const schema = new Schema<InboxDoc>(
    {
      _id: text,
      source: text,
      type: text,
      objectId: { type: String, default: '' },
      occurredAt: number,
      receivedAt: number,
      raw: text,
      status: { type: String, enum: ['received', 'done', 'dead'], required: true },
      open: { type: Boolean, required: true },
      attempts: number,
      result: { type: String, default: '' },
      handledAt: { type: Number, default: null },
    },
    { collection: 'inbox', strict: 'throw', versionKey: false },
  );
  schema.index({ open: 1 }, { partialFilterExpression: { open: true }, name: 'open' });
  schema.index({ source: 1, receivedAt: 1 });
  schema.index({ status: 1, receivedAt: 1 });
  const Inbox = connection.model('Inbox', schema);

  return {
    models: [Inbox],
    /** False: delivered before. */
    accept: async (event: InboxDoc) => {
      const fresh = await insertOnce(() => Inbox.create(event));
      if (event.status === 'dead') await touch('deadEvents', PLATFORM_ORGANIZATION);
      return fresh;
    },
    get: (id: string) => Inbox.findById(id).lean<InboxDoc>(),
    /** One more failure of our own making. Set, not added to, so that a repeated write counts once. @param seen the count as read */
    noteFailure: (id: string, seen: number, result: string) =>
      Inbox.updateOne({ _id: id, open: true, attempts: seen }, { $set: { attempts: seen + 1, result } }),
    /** Put off without counting: nothing was wrong with the event. */
    notePostponed: (id: string, result: string) => Inbox.updateOne({ _id: id, open: true }, { $set: { result } }),
    /** received → done | dead. True: we closed it. */
    close: async (id: string, status: 'done' | 'dead', result: string, at: number) => {
      const { modifiedCount } = await Inbox.updateOne({ _id: id, open: true }, { $set: { status, open: false, result, handledAt: at } });
      if (status === 'dead') await touch('deadEvents', PLATFORM_ORGANIZATION);
      return modifiedCount === 1;
    },
    /** dead → received: a person wants it tried again. True: we did. */
    revive: async (id: string) => {
      const received = { status: 'received', open: true, attempts: 0, result: '', handledAt: null };
      const { modifiedCount } = await Inbox.updateOne({ _id: id, status: 'dead' }, { $set: received });
      await touch('deadEvents', PLATFORM_ORGANIZATION);
      return modifiedCount === 1;
    },
    open: () => Inbox.find({ open: true }).lean<InboxDoc[]>(),
    received: (source: string, from: number, to: number) => Inbox.find({ source, receivedAt: { $gte: from, $lt: to } }).lean<InboxDoc[]>(),
    many: (ids: readonly string[]) => Inbox.find({ _id: { $in: [...ids] } }).lean<InboxDoc[]>(),
    /** Ids and times of receipt. */
    times: async (source: string, from: number, to: number): Promise<{ _id: string; at: number }[]> =>
      (await Inbox.find({ source, receivedAt: { $gte: from, $lt: to } }, { receivedAt: 1 }).lean<Pick<InboxDoc, '_id' | 'receivedAt'>[]>()).map(
        ({ _id, receivedAt }) => ({ _id, at: receivedAt }),
      ),
    /** Ids and times of those received in [from, to) that are not handled yet, or were given up. */
    timesIn: async (status: 'dead' | 'received', from: number, to: number): Promise<{ _id: string; at: number }[]> =>
      (await Inbox.find({ status, receivedAt: { $gte: from, $lt: to } }, { receivedAt: 1 }).lean<Pick<InboxDoc, '_id' | 'receivedAt'>[]>()).map(
        ({ _id, receivedAt }) => ({ _id, at: receivedAt }),
      ),
  };
}

export type InboxStore = ReturnType<typeof makeInboxStore>;
