import { of, type Migration } from './step.ts';

/** Sessions of before are kept in another form, under the id that the cookie holds in clear: whoever had one signs in again. */
export const oldSessions: Migration = {
  name: 'sessions in their earlier form',
  async run(database, progress) {
    const { deletedCount } = await of(database, 'sessions').deleteMany({ openedAt: { $exists: false } });
    await progress(deletedCount);
  },
};
