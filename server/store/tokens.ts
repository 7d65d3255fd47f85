import { Schema, type Connection } from 'mongoose';
import type { TouchList } from './list-versions.ts';

export interface TokenDoc {
  /** Hex SHA-256 of the token; the token itself is only in the mail. */
  _id: string;
  purpose: 'invite' | 'recover' | 'reset' | 'verify';
  userId: string;
  email: string;
  /** Of an invitation: which one invites. Of a recovery: who sent it, `org_platform` for an operator. */
  organizationId: string | null;
  policies: string[];
  /** Of a recovery: who sent it, and from where. Absent in links of earlier releases. */
  sender?: { userId: string; address: string; at: number };
  /** Of a reset: the password it replaces, as `passwordMark` names it; of a recovery: what `sessionMark` names. Another one makes the link void. */
  passwordMark: string;
  groups: string[];
  usedAt: number | null;
  expiresAt: Date;
}

/** Single-use secrets in the links of mails. */
export function makeTokensStore(connection: Connection, touch: TouchList) {
  const text = { type: String, required: true } as const;
  const tokens = new Schema<TokenDoc>(
    {
      _id: text,
      purpose: { type: String, enum: ['invite', 'recover', 'reset', 'verify'], required: true },
      userId: { type: String, default: '' },
      email: text,
      organizationId: { type: String, default: null },
      policies: { type: [String], default: [] },
      sender: Schema.Types.Mixed,
      passwordMark: { type: String, default: '' },
      groups: { type: [String], default: [] },
      usedAt: { type: Number, default: null },
      expiresAt: { type: Date, required: true },
    },
    { strict: 'throw', versionKey: false },
  );
  tokens.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  tokens.index({ organizationId: 1 });
  const Tokens = connection.model('Token', tokens);

  /** Those of mails to one's own address are of no organization, and on no list. */
  const invited = async (token: TokenDoc | null): Promise<void> => (token?.organizationId ? touch('invitations', token.organizationId) : undefined);

  return {
    models: [Tokens],
    async addToken(token: TokenDoc): Promise<void> {
      await Tokens.create(token);
      await invited(token);
    },
    token: (hash: string) => Tokens.findById(hash).lean<TokenDoc>(),
    tokens: (hashes: readonly string[]) => Tokens.find({ _id: { $in: [...hashes] } }).lean<TokenDoc[]>(),
    tokensOfOrganization: (organizationId: string) => Tokens.find({ organizationId }).lean<TokenDoc[]>(),
    /** True: this call used it up. */
    async useToken(hash: string, at: number): Promise<boolean> {
      const used = (await Tokens.updateOne({ _id: hash, usedAt: null }, { $set: { usedAt: at } })).modifiedCount === 1;
      await invited(await Tokens.findById(hash).lean<TokenDoc>());
      return used;
    },
    async removeToken(hash: string): Promise<boolean> {
      const found = await Tokens.findById(hash).lean<TokenDoc>();
      const removed = (await Tokens.deleteOne({ _id: hash })).deletedCount === 1;
      await invited(found);
      return removed;
    },
  };
}
