import type { Log } from './kernel/log.ts';

export interface Part {
  readonly name: string;
  /** Work already accepted is finished; nothing new is taken. */
  stop(): Promise<void> | void;
}

export interface Lifecycle {
  /** Parts stop in the reverse order of being added. */
  add(part: Part): void;
  stop(): Promise<void>;
  readonly stopping: boolean;
}

/** Start in order, stop in reverse, each part under the deadline: a part that hangs is named and left behind. */
export function makeLifecycle(log: Log, { partDeadlineMs = 10_000 }: { partDeadlineMs?: number } = {}): Lifecycle {
  const parts: Part[] = [];
  let stopped: Promise<void> | undefined;

  async function stopAll(): Promise<void> {
    for (const part of parts.toReversed()) {
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), partDeadlineMs)));
      try {
        const outcome = await Promise.race([Promise.resolve(part.stop()).then(() => 'stopped' as const), deadline]);
        if (outcome === 'late') log.error({ part: part.name, partDeadlineMs }, 'part did not stop in time');
      } catch (error) {
        log.error({ part: part.name, err: error }, 'part failed to stop');
      } finally {
        clearTimeout(timer);
      }
    }
  }

  return {
    add: (part) => void parts.push(part),
    stop: () => (stopped ??= stopAll()),
    get stopping() {
      return stopped !== undefined;
    },
  };
}
