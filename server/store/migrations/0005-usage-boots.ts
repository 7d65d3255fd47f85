import { insertOnce } from '../connect.ts';
import { of, type Migration } from './step.ts';

/** Totals are advanced by the runs of gateways that are on record. Batches of a run that is not would be in no total, and so on no page. */
export const usageBoots: Migration = {
  name: 'runs of gateways whose usage is in no total yet',
  async run(database, progress) {
    const batches = of(database, 'usageBatches').find({}, { projection: { node: 1, boot: 1 } });
    const runs = new Map<string, { node: string; boot: string }>();
    for await (const { node, boot } of batches) runs.set(`${String(node)}-${String(boot)}`, { node: String(node), boot: String(boot) });
    const known = new Set(
      (
        await of(database, 'usageBoots')
          .find({}, { projection: { _id: 1 } })
          .toArray()
      ).map(({ _id }) => _id),
    );
    for (const [_id, { node, boot }] of runs) {
      if (known.has(_id)) continue;
      // Ended as far as anybody knows: a run that still writes opens its record again.
      await insertOnce(() => of(database, 'usageBoots').insertOne({ _id, node, boot, through: 0, recent: [], ended: true, open: true }));
      await progress(1);
    }
  },
};
