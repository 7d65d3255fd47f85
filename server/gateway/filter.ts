import type { Call } from './call.ts';

/**
 * One concern of the pipeline: it passes by returning, refuses by throwing an AppError, or answers itself (`call.answered`).
 * It is synchronous unless it must wait, since a promise for each filter and call would cost more than most filters do.
 */
export type Filter = (call: Call) => void | Promise<void>;
