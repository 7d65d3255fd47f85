/** What a test asked to go wrong. */
export interface Disturbance {
  /** `status`: answer with it instead of executing. `status-after`: execute, then answer with it. `drop-request`, `drop-response`: cut the connection before or after executing. */
  kind: 'status' | 'status-after' | 'drop-request' | 'drop-response' | 'delay';
  status?: number;
  /** For `delay`: how long the request is held before it executes. */
  delayMs?: number;
  /** Requests it strikes before it is used up. */
  times: number;
  /** Beginning of the path, such as `/v1/invoices`; absent: any. */
  path?: string;
  /** End of the path, such as `/pay`. */
  pathEnd?: string;
  method?: string;
}

export interface Fate {
  cut?: 'before' | 'after';
  status?: number;
  statusAfter?: number;
  wait(): Promise<void>;
}

export interface Disturbances {
  add(disturbance: Disturbance): void;
  clear(): void;
  /** What befalls this request; uses the disturbances up. */
  next(method: string, path: string): Fate;
  list(): readonly Disturbance[];
}

export function makeDisturbances(): Disturbances {
  let planned: Disturbance[] = [];
  return {
    add: (disturbance) => void planned.push({ ...disturbance }),
    clear: () => void (planned = []),
    list: () => planned,
    next(method, path) {
      const found = planned.find(
        (each) =>
          (each.method === undefined || each.method === method) &&
          (each.path === undefined || path.startsWith(each.path)) &&
          (each.pathEnd === undefined || path.endsWith(each.pathEnd)),
      );
      if (!found) return { wait: async () => {} };
      if (--found.times <= 0) planned = planned.filter((each) => each !== found);
      return {
        ...(found.kind === 'drop-request' && { cut: 'before' as const }),
        ...(found.kind === 'drop-response' && { cut: 'after' as const }),
        ...(found.kind === 'status' && { status: found.status ?? 500 }),
        ...(found.kind === 'status-after' && { statusAfter: found.status ?? 500 }),
        wait: () => new Promise((resolve) => (found.kind === 'delay' ? setTimeout(resolve, found.delayMs ?? 0) : resolve())),
      };
    },
  };
}
