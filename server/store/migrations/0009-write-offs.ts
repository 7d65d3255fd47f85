import { of, writeAll, type Migration } from './step.ts';

const LOST = 'writeoff.';
const REVERSED = 'writeoff.reversed.';

/** That an invoice was written off stood in the books alone; now it says itself when, and keeps that when it is paid after all. */
export const writeOffs: Migration = {
  name: 'when invoices were written off',
  async run(database, progress) {
    const booked = (
      await of(database, 'ledgerTxns')
        .find({ _id: { $gte: LOST, $lt: 'writeoff/' } }, { projection: { at: 1 } })
        .toArray()
    )
      .filter(({ _id }) => !_id.startsWith(REVERSED))
      .map(({ _id, at }) => ({ id: _id.slice(LOST.length), at }));
    const underWay = (
      await of(database, 'invoices')
        .find({ status: 'uncollectible' }, { projection: { stepAt: 1 } })
        .toArray()
    ).map(({ _id, stepAt }) => ({ id: _id, at: stepAt }));
    const writes = [...booked, ...underWay].map(({ id, at }) => ({
      filter: { _id: id, writtenOffAt: { $not: { $type: 'number' } } },
      update: { $set: { writtenOffAt: at } },
    }));
    await writeAll(database, 'invoices', writes, progress);
  },
};
