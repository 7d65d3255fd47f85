import type { Call } from './call.ts';

/** The calls in flight. */
export interface LiveCalls extends Iterable<Call> {
  readonly size: number;
  add(call: Call): void;
  /** Does nothing for one that is not among them. */
  remove(call: Call): void;
}

/**
 * A row without gaps in which each call knows its place. Not a Set: where entries come and go, V8 gives a Set a new table every few dozen
 * calls, and each old table points to the calls it held and to its successor. Once one of them grows old as garbage, it keeps the whole chain
 * of tables, and with it every call since, from being collected young: measured, a quarter of all memory that calls took was copied twice.
 */
export function makeLiveCalls(): LiveCalls {
  const calls: Call[] = [];
  return {
    get size() {
      return calls.length;
    },
    add(call) {
      call.place = calls.length;
      calls.push(call);
    },
    remove(call) {
      if (calls[call.place] !== call) return;
      const last = calls.pop();
      if (last !== undefined && last !== call) {
        calls[call.place] = last;
        last.place = call.place;
      }
      call.place = -1;
    },
    // A copy: whoever is told to end leaves the row.
    [Symbol.iterator]: () => [...calls][Symbol.iterator](),
  };
}
