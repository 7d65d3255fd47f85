import type { Job } from './job.ts';

/** Mail before access keys end. */
export const warnOfKeys: Job<'warn-of-keys'> = { name: 'warn-of-keys', run: async (_, { keyWarnings }) => void (await keyWarnings.warnOfEnds()) };
