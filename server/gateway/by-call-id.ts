/** What is kept for calls in flight, found by their ids. */
export interface ByCallId<T> {
  get(callId: string): T | undefined;
  set(callId: string, kept: T): void;
  delete(callId: string): void;
  forEach(look: (kept: T) => void): void;
}

/** Not a Map: where entries come and go, V8 chains a Map's old tables to the next, with all that they held (see `live-calls.ts`). */
export function makeByCallId<T>(): ByCallId<T> {
  const byId = Object.create(null) as Record<string, T>;
  return {
    get: (callId) => byId[callId],
    set(callId, kept) {
      byId[callId] = kept;
    },
    delete(callId) {
      delete byId[callId];
    },
    forEach(look) {
      for (const callId in byId) look(byId[callId] as T);
    },
  };
}
