import { of, writeAll, type Migration } from './step.ts';

/**
 * Invoices that were given up before losses were posted (docs/decisions/0021) stand in the books as debts that nobody expects to be paid. They are put back to the
 * step at which the worker posts the loss; the posting's cause is its key, so one that is there already stays alone.
 */
export const earlierLosses: Migration = {
  name: 'invoices that were given up and stand in no loss',
  async run(database, progress) {
    const givenUp = await of(database, 'invoices')
      .find({ status: 'uncollectible', step: 'waiting' }, { projection: { _id: 1 } })
      .toArray();
    const causes = givenUp.map(({ _id }) => `writeoff.${_id}`);
    const posted = await of(database, 'ledgerTxns')
      .find({ _id: { $in: causes } }, { projection: { _id: 1 } })
      .toArray();
    const known = new Set(posted.map(({ _id }) => _id));
    const writes = givenUp
      .filter(({ _id }) => !known.has(`writeoff.${_id}`))
      .map(({ _id }) => ({ filter: { _id, status: 'uncollectible', step: 'waiting' }, update: { $set: { step: 'writing-off', unsettled: true } } }));
    await writeAll(database, 'invoices', writes, progress);
  },
};
