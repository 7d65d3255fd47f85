import type { Job } from './job.ts';

/** Subscribers follow what was published or withdrawn for them, and are told. */
export const announceVersions: Job<'announce-versions'> = {
  name: 'announce-versions',
  run: async (_, { planAnnouncements }) => void (await planAnnouncements.carryOn()),
};
