import mongoose from 'mongoose';
import Stripe from 'stripe';

const required = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the journeys by "npm run e2e"`);
  return value;
};

export interface BookedInvoice {
  readonly _id: string;
  readonly status: string;
  readonly totalMinor: bigint;
  readonly stripeInvoiceId: string | null;
}

interface Transaction {
  readonly _id: string;
  readonly entries: readonly { readonly account: string; readonly amountMinor: bigint }[];
}

interface Delivery {
  readonly type: string;
  readonly status: string;
}

/** What is written down beside the pages: the store, read as it is, and Stripe's side. Close it. */
export async function openBooks() {
  const client = await new mongoose.mongo.MongoClient(required('MONGODB_URI'), { useBigInt64: true }).connect();
  const db = client.db();
  const stripeUrl = new URL(required('STRIPE_API_BASE'));
  const stripe = new Stripe(required('STRIPE_SECRET_KEY'), {
    host: stripeUrl.hostname,
    port: stripeUrl.port,
    protocol: stripeUrl.protocol === 'https:' ? 'https' : 'http',
  });

  return {
    invoice: async (id: string) => (await db.collection<BookedInvoice>('invoices').findOne({ _id: id })) ?? undefined,
    /** What a transaction moved on the accounts whose name begins so. */
    async booked(cause: string, account: string): Promise<bigint> {
      const transaction = await db.collection<Transaction>('ledgerTxns').findOne({ _id: cause });
      if (!transaction) throw new Error(`the ledger knows nothing of ${cause}`);
      return transaction.entries.filter((entry) => entry.account.split(':')[0] === account).reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
    },
    /** Webhooks about an object of Stripe's, as they were taken in. */
    deliveries: (objectId: string): Promise<Delivery[]> => db.collection<Delivery & { objectId: string }>('inbox').find({ objectId }).toArray(),
    stripeInvoice: (id: string) => stripe.invoices.retrieve(id),
    close: () => client.close(),
  };
}

export type Books = Awaited<ReturnType<typeof openBooks>>;
