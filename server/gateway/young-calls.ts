import { setFlagsFromString } from 'node:v8';

/**
 * Have V8 allocate calls among the young. Where many objects of one place in the code outlive a collection, as when a disk or a provider was slow
 * for a moment, V8 puts all later ones of that place among the old at once. A call that is born old and ended still points to its texts, so
 * that none of them is collected young: measured, half of all memory was copied and promoted (docs/decisions/0009).
 */
export const keepCallsYoung = (): void => setFlagsFromString('--no-allocation-site-pretenuring');
