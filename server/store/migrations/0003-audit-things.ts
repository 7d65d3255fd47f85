import { thingsIn } from '../../domain/audit-filter.ts';
import { of, writeAll, type Migration } from './step.ts';

/** The trail of a thing is read by its id, which records of before held only as a part of their resource. */
export const auditThings: Migration = {
  name: 'what records of the audit log are about',
  async run(database, progress) {
    const rows = await of(database, 'audit')
      .find({ things: { $exists: false } }, { projection: { resource: 1 } })
      .toArray();
    const writes = rows.map(({ _id, resource }) => ({
      filter: { _id, things: { $exists: false } },
      update: { $set: { things: [...new Set(thingsIn(typeof resource === 'string' ? resource : ''))], outcome: 'done' } },
    }));
    await writeAll(database, 'audit', writes, progress);
  },
};
