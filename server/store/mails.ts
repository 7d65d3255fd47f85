import { Schema, type Connection } from 'mongoose';

/** The sandbox's mailbox: what would have been sent, kept for 30 days. */
export interface MailDoc {
  _id: string;
  to: string;
  subject: string;
  text: string;
  html: string;
  at: number;
  expiresAt: Date;
}

const KEPT_MS = 30 * 86_400_000;

export function makeMailsStore(connection: Connection) {
  const text = { type: String, required: true } as const;
  const schema = new Schema<MailDoc>(
    { _id: text, to: text, subject: text, text, html: text, at: { type: Number, required: true }, expiresAt: { type: Date, required: true } },
    { collection: 'mails', strict: 'throw', versionKey: false },
  );
  schema.index({ to: 1, at: 1 });
  schema.index({ at: 1 });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  const Mails = connection.model('Mail', schema);

  return {
    models: [Mails],
    add: async (mail: Omit<MailDoc, 'expiresAt'>) => void (await Mails.create({ ...mail, expiresAt: new Date(mail.at + KEPT_MS) })),
    many: (ids: readonly string[]) =>
      Mails.find({ _id: { $in: [...ids] } }, { to: 1, subject: 1, at: 1 }).lean<Pick<MailDoc, '_id' | 'at' | 'subject' | 'to'>[]>(),
    /** Ids and times of those sent within [from, to). */
    times: (from: number, until: number) => Mails.find({ at: { $gte: from, $lt: until } }, { at: 1 }).lean<Pick<MailDoc, '_id' | 'at'>[]>(),
    get: (id: string) => Mails.findById(id).lean<MailDoc>(),
    /** Mails to one address within [from, to), oldest first. */
    sentTo: async (to: string, from: number, until: number) =>
      (await Mails.find({ to, at: { $gte: from, $lt: until } }).lean<MailDoc[]>()).sort((a, b) => a.at - b.at),
    sent: async (from: number, until: number) => (await Mails.find({ at: { $gte: from, $lt: until } }).lean<MailDoc[]>()).sort((a, b) => a.at - b.at),
  };
}
