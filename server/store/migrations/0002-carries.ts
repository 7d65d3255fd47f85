import { grouped, of, writeAll, type Earlier, type Migration, type Write } from './step.ts';

interface Carrying extends Earlier {
  readonly subscriptionId: string;
  readonly periodIndex: number;
  readonly kind: string;
  readonly void: boolean;
  readonly carriedInMinor: bigint;
  readonly carriedMinor: bigint;
  readonly carryOpen?: boolean;
  readonly carriedTo?: string;
}

/** int64 comes back as bigint, but a document of int32 as number. */
const minor = (value: bigint | number | undefined): bigint => BigInt(value ?? 0);

/**
 * What an invoice carried on went into the next one of its subscription, and nothing said so but the amounts (rule N16). Now each says into which it went, and
 * what went into none is open for the next: without this a credit of before would be lost, or taken twice.
 */
export const carries: Migration = {
  name: 'what invoices carried on',
  async run(database, progress) {
    const all = (await of(database, 'invoices')
      .find({}, { projection: { subscriptionId: 1, periodIndex: 1, kind: 1, void: 1, carriedInMinor: 1, carriedMinor: 1, carryOpen: 1, carriedTo: 1 } })
      .toArray()) as unknown as Carrying[];
    const bySubscription = grouped(
      all.filter(({ kind }) => kind === 'period'),
      ({ subscriptionId }) => subscriptionId,
    );
    const writes: Write[] = [];
    for (const invoices of bySubscription.values()) {
      invoices.sort((a, b) => a.periodIndex - b.periodIndex);
      for (const [index, from] of invoices.entries()) {
        if (from.void || minor(from.carriedMinor) === 0n || from.carriedTo !== undefined || from.carryOpen === true) continue;
        const to = invoices.slice(index + 1).find((later) => !later.void);
        const untouched = { _id: from._id, carriedTo: { $exists: false }, carryOpen: { $ne: true } };
        if (to && minor(to.carriedInMinor) === minor(from.carriedMinor)) {
          // The taker first: were we stopped in between, the giver is looked at again.
          writes.push({ filter: { _id: to._id }, update: { $addToSet: { carriedFrom: from._id } } });
          writes.push({ filter: untouched, update: { $set: { carriedTo: to._id, carryOpen: false } } });
        } else if (!to) writes.push({ filter: untouched, update: { $set: { carryOpen: true } } });
      }
    }
    await writeAll(database, 'invoices', writes, progress);
    await of(database, 'invoices').updateMany({ carryOpen: { $exists: false } }, { $set: { carryOpen: false } });
  },
};
