import { grouped, of, writeAll, type Migration } from './step.ts';

/**
 * Versions of plans say what became of their announcement, and a plan counts the versions that are stored, because the number of the next one decides who
 * publishes it. Until now a version for all could only be made by hand; one that was is taken as announced, and the next boundary brings it into force.
 */
export const versionStandings: Migration = {
  name: 'standings of plan versions',
  async run(database, progress) {
    const lacking = { standing: { $exists: false } };
    for (const [effectiveAt, standing] of [
      [null, 'offered'],
      [{ $ne: null }, 'announced'],
    ] as const) {
      const { modifiedCount } = await of(database, 'planversions').updateMany({ ...lacking, effectiveAt }, { $set: { standing, unsettled: false } });
      await progress(modifiedCount);
    }
    const versions = grouped(
      await of(database, 'planversions')
        .find({}, { projection: { planId: 1, n: 1 } })
        .toArray(),
      ({ planId }) => String(planId),
    );
    const plans = await of(database, 'plans')
      .find({}, { projection: { versions: 1 } })
      .toArray();
    const writes = plans.flatMap(({ _id, versions: counted }) => {
      const newest = Math.max(0, ...(versions.get(_id) ?? []).map(({ n }) => Number(n)));
      return newest > Number(counted) ? [{ filter: { _id, versions: counted }, update: { $set: { versions: newest } } }] : [];
    });
    await writeAll(database, 'plans', writes, progress);
  },
};
