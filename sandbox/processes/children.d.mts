import type { Children } from '../engines/engines.mjs';
export function makeChildren(): Children;
