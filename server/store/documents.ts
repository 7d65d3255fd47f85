import { Schema, type Connection } from 'mongoose';
import { chunks } from './publications.ts';

/** What is kept of an import: the document as it came, and what was read from it. */
export type DocumentKind = 'document' | 'reading';

/** An OpenAPI document of a group, gzipped, in parts below the store's 16 MB. */
export interface ApiDocumentDoc {
  /** `<group>.<ordinal>.<kind>.<part>` */
  _id: string;
  groupId: string;
  /** 1, 2, 3 … per group. */
  ordinal: number;
  kind: DocumentKind;
  part: number;
  parts: number;
  gzip: Buffer;
  importedAt: number;
}

const PART_BYTES_MAX = 8 * 1024 * 1024;
const text = { type: String, required: true } as const;
const number = { type: Number, required: true } as const;

export function makeDocumentsStore(connection: Connection) {
  const schema = new Schema<ApiDocumentDoc>(
    { _id: text, groupId: text, ordinal: number, kind: text, part: number, parts: number, gzip: { type: Buffer, required: true }, importedAt: number },
    { strict: 'throw', versionKey: false, minimize: false },
  );
  schema.index({ groupId: 1, ordinal: 1 });
  const Documents = connection.model('ApiDocument', schema);

  return {
    models: [Documents],
    /** Part 0 of kind `document` is written first and takes the ordinal. False: another upload has it. */
    async add({ groupId, ordinal, kind, gzip, importedAt }: Pick<ApiDocumentDoc, 'groupId' | 'ordinal' | 'kind' | 'gzip' | 'importedAt'>): Promise<boolean> {
      const parts = Math.max(1, Math.ceil(gzip.length / PART_BYTES_MAX));
      try {
        for (let part = 0; part < parts; part++) {
          const slice = gzip.subarray(part * PART_BYTES_MAX, (part + 1) * PART_BYTES_MAX);
          await Documents.create({ _id: `${groupId}.${ordinal}.${kind}.${part}`, groupId, ordinal, kind, part, parts, gzip: slice, importedAt });
        }
        return true;
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 11000) return false;
        throw error;
      }
    },
    /** The whole, put together again; null when a part is missing: a crash cut the upload short. */
    async read(groupId: string, ordinal: number, kind: DocumentKind): Promise<Buffer | null> {
      const parts = (await Documents.find({ groupId, ordinal }).lean<ApiDocumentDoc[]>()).filter((row) => row.kind === kind);
      parts.sort((a, b) => a.part - b.part);
      if (parts.length === 0 || parts.length !== parts[0]?.parts) return null;
      // A lean read gives binary values in the driver's own wrapping.
      return Buffer.concat(parts.map(({ gzip }) => (Buffer.isBuffer(gzip) ? gzip : Buffer.from((gzip as { buffer: Uint8Array }).buffer))));
    },
    ordinals: async (groupId: string): Promise<{ ordinal: number; importedAt: number }[]> => {
      const rows = await Documents.find({ groupId }, { ordinal: 1, importedAt: 1, part: 1, kind: 1 }).lean<ApiDocumentDoc[]>();
      return rows
        .filter(({ part, kind }) => part === 0 && kind === 'document')
        .map(({ ordinal, importedAt }) => ({ ordinal, importedAt }))
        .sort((a, b) => b.ordinal - a.ordinal);
    },
    /** How many documents are kept of these groups. */
    async countOf(groupIds: readonly string[]): Promise<number> {
      let count = 0;
      for (const some of chunks(groupIds)) {
        const rows = await Documents.find({ groupId: { $in: some } }, { part: 1, kind: 1 }).lean<Pick<ApiDocumentDoc, 'kind' | 'part'>[]>();
        count += rows.filter(({ part, kind }) => part === 0 && kind === 'document').length;
      }
      return count;
    },
    remove: async (groupId: string, ordinal: number) => void (await Documents.deleteMany({ groupId, ordinal })),
  };
}
