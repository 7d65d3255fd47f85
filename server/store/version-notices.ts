import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

/** What subscribers are told of a version of their plan. */
export type NoticeKind = 'announced' | 'withdrawn';

/** One letter to one subscriber: owed until every reader of the organization has it. */
export interface VersionNoticeDoc {
  /** `<version>.<subscription>.<kind>`: each is owed once. */
  _id: string;
  versionId: string;
  subscriptionId: string;
  kind: NoticeKind;
  due: boolean;
  /** By the machine's clock, epoch ms: until then somebody is at it, or waits after a failure. */
  nextAt: number;
  tries: number;
  lastFailure: string;
  /** Marks of the addresses that have it already. */
  sentTo: string[];
  createdAt: number;
}

export const noticeId = (versionId: string, subscriptionId: string, kind: NoticeKind): string => `${versionId}.${subscriptionId}.${kind}`;

export function makeVersionNoticesStore(connection: Connection) {
  const text = { type: String, required: true } as const;
  const number = { type: Number, required: true } as const;
  const schema = new Schema<VersionNoticeDoc>(
    {
      _id: text,
      versionId: text,
      subscriptionId: text,
      kind: { type: String, enum: ['announced', 'withdrawn'], required: true },
      due: { type: Boolean, required: true },
      nextAt: number,
      tries: number,
      lastFailure: { type: String, default: '' },
      sentTo: { type: [String], default: [] },
      createdAt: number,
    },
    { collection: 'versionNotices', strict: 'throw', versionKey: false },
  );
  schema.index({ versionId: 1, due: 1 });
  schema.index({ due: 1 }, { partialFilterExpression: { due: true }, name: 'due' });
  const Notices = connection.model('VersionNotice', schema);

  return {
    models: [Notices],
    /** False: it is owed or sent already. */
    add: ({ versionId, subscriptionId, kind, createdAt }: Pick<VersionNoticeDoc, 'createdAt' | 'kind' | 'subscriptionId' | 'versionId'>) =>
      insertOnce(() =>
        Notices.create({
          _id: noticeId(versionId, subscriptionId, kind),
          versionId,
          subscriptionId,
          kind,
          due: true,
          nextAt: 0,
          tries: 0,
          lastFailure: '',
          sentTo: [],
          createdAt,
        }),
      ),
    get: (id: string) => Notices.findById(id).lean<VersionNoticeDoc>(),
    due: () => Notices.find({ due: true }).lean<VersionNoticeDoc[]>(),
    ofVersion: (versionId: string) => Notices.find({ versionId }).lean<VersionNoticeDoc[]>(),
    dueOfVersion: (versionId: string) => Notices.find({ versionId, due: true }).lean<VersionNoticeDoc[]>(),
    /** Ours until then. False: somebody else is at it. */
    take: async ({ _id, nextAt, tries }: Pick<VersionNoticeDoc, '_id' | 'nextAt' | 'tries'>, until: number) =>
      (await Notices.updateOne({ _id, due: true, nextAt, tries }, { $set: { nextAt: until, tries: tries + 1 } })).modifiedCount === 1,
    markSent: async (id: string, to: string) => void (await Notices.updateOne({ _id: id }, { $addToSet: { sentTo: to } })),
    putOff: async (id: string, nextAt: number, lastFailure: string) =>
      void (await Notices.updateOne({ _id: id, due: true }, { $set: { nextAt, lastFailure } })),
    done: async (id: string) => void (await Notices.updateOne({ _id: id, due: true }, { $set: { due: false, lastFailure: '' } })),
    /** Nobody has begun to send it, and nobody will. False: somebody has. */
    drop: async (id: string) => (await Notices.deleteOne({ _id: id, due: true, tries: 0 })).deletedCount === 1,
    remove: async (id: string) => void (await Notices.deleteOne({ _id: id, sentTo: [] })),
  };
}
