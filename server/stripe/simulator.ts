import { AppError } from '../kernel/errors.ts';

/**
 * What the sandbox asks of the simulator beyond Stripe's API, so that both live at the same time. Never used with Stripe itself.
 * Its errors are `dependency-away`.
 */
export interface SimulatorControl {
  /** Bring the simulator's clock to this offset; one that is there already, or ahead, is left alone. What falls due by it is done before the answer. */
  setClock(offsetMs: number): Promise<void>;
  /** Webhooks that wait or are under way: quiet is 0. */
  webhooksWaiting(): Promise<number>;
}

const TIMEOUT_MS = 10_000;

export function makeSimulatorControl(apiBase: string): SimulatorControl {
  async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    try {
      const response = await fetch(new URL(`/_sim/${path}`, apiBase), {
        method,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    } catch (cause) {
      throw new AppError('dependency-away', 'The Stripe simulator does not answer.', { cause });
    }
  }
  return {
    async setClock(offsetMs) {
      const { offset_ms: present } = await ask<{ offset_ms: number }>('GET', 'clock');
      if (present < offsetMs) await ask('POST', 'clock', { offset_ms: offsetMs });
    },
    async webhooksWaiting() {
      const { pending, underWay } = await ask<{ pending: number; underWay: number }>('GET', 'webhooks');
      return Math.max(pending, underWay);
    },
  };
}
