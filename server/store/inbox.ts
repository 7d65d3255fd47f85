import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

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

export function makeInboxStore(connection: Connection) {
  const text = { type: String, required: true } as const;
  const number = { type: Number, required: true } as const;
  const schema = new Schema<InboxDoc>(
    {
      _id: text, source: text, type: text, objectId: { type: String, default: '' }, occurredAt: number, receivedAt: number, raw: text,
      status: { type: String, enum: ['received', 'done', 'dead'], required: true }, open: { type: Boolean, required: true }, attempts: number,
      result: { type: String, default: '' }, handledAt: { type: Number, default: null },
    },
    { collection: 'inbox', strict: 'throw', versionKey: false },
  );
  schema.index({ open: 1 }, { partialFilterExpression: { open: true }, name: 'open' });
  schema.index({ source: 1, receivedAt: 1 });
  const Inbox = connection.model('Inbox', schema);

  return {
    models: [Inbox],
    /** False: delivered before. */
    accept: (event: InboxDoc) => insertOnce(() => Inbox.create(event)),
    get: (id: string) => Inbox.findById(id).lean<InboxDoc>(),
    open: () => Inbox.find({ open: true }).lean<InboxDoc[]>(),
    received: (source: string, from: number, to: number) => Inbox.find({ source, receivedAt: { $gte: from, $lt: to } }).lean<InboxDoc[]>(),
  };
}

export type InboxStore = ReturnType<typeof makeInboxStore>;
