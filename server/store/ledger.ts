import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

export interface LedgerEntry {
  /** `receivable:<buyer>`, `stripe_clearing`, `processing_fees`, `provider_payable:<provider>`, `platform_revenue`, … Debit positive. */
  account: string;
  amountMinor: bigint;
}

/** One document per transaction, summing to zero; never updated, never deleted. */
export interface LedgerTxnDoc {
  /** The cause: `inv.finalized.<invoice>`, `pay.<invoice>`; replaying it adds nothing. */
  _id: string;
  currency: string;
  entries: LedgerEntry[];
  at: number;
  bookedAt: number;
}

export function makeLedgerStore(connection: Connection) {
  const entry = new Schema<LedgerEntry>(
    { account: { type: String, required: true }, amountMinor: { type: BigInt, required: true } },
    { _id: false, strict: 'throw' },
  );
  const schema = new Schema<LedgerTxnDoc>(
    {
      _id: { type: String, required: true },
      currency: { type: String, required: true },
      entries: [entry],
      at: { type: Number, required: true },
      bookedAt: { type: Number, required: true },
    },
    { collection: 'ledgerTxns', strict: 'throw', versionKey: false },
  );
  schema.index({ 'entries.account': 1, at: 1 });
  const Transactions = connection.model('LedgerTxn', schema);

  return {
    models: [Transactions],
    /** False: this cause is booked already. */
    post: (transaction: LedgerTxnDoc) => insertOnce(() => Transactions.create(transaction)),
    get: (cause: string) => Transactions.findById(cause).lean<LedgerTxnDoc>(),
    many: (causes: string[]) => Transactions.find({ _id: { $in: causes } }).lean<LedgerTxnDoc[]>(),
    ofAccount: (account: string, from: number, to: number) =>
      Transactions.find({ 'entries.account': account, at: { $gte: from, $lt: to } }).lean<LedgerTxnDoc[]>(),
  };
}
