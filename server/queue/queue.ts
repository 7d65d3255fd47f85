import { Queue as BullQueue, type Job as BullJob } from 'bullmq';
import { asConnection, queueClient, queuePrefix, type QueueConnection } from './connection.ts';
import { JOBS, JOB_NAMES, type JobName, type JobPayloads } from './jobs.ts';

export interface QueueCounts {
  readonly name: JobName;
  readonly waiting: number;
  readonly active: number;
  /** Waiting for their next try. */
  readonly delayed: number;
  readonly failed: number;
}

export interface FailedJob {
  readonly name: JobName;
  readonly id: string;
  readonly attempts: number;
  readonly reason: string;
}

/** Work for later. A hint like everything in Redis: whoever must not miss it finds it in the store by a sweep. */
export interface Queue {
  /** Ask for a job; one with the same id that waits or runs is the same job, one that failed is tried again. @throws when Redis is away */
  enqueue<N extends JobName>(name: N, payload: JobPayloads[N]): Promise<void>;
  /** @throws when Redis is away */
  counts(): Promise<QueueCounts[]>;
  failures(): Promise<FailedJob[]>;
  /** Try the failed jobs of a name again. @returns how many those were */
  retryFailed(name: string): Promise<number>;
  close(): Promise<void>;
}

/** An answer later than this counts as none: a webhook waits for us. */
const ANSWER_MS = 1_500;
const FAILED_SHOWN = 50;
const REASON_CHARACTERS_MAX = 500;

export function makeQueue(connection: QueueConnection, { onAway }: { onAway?: (error: Error) => void } = {}): Queue {
  const client = queueClient(connection, { patient: false });
  let told = false;
  client.on('error', (error: Error) => {
    if (!told) onAway?.(error);
    told = true;
  });
  client.on('ready', () => (told = false));
  // It settles only if the client is closed before it ever connected; nobody is to hear of that.
  client.connect().catch(() => undefined);
  const queues = new Map<JobName, BullQueue>();

  const queueOf = (name: JobName): BullQueue => {
    const made = queues.get(name) ?? new BullQueue(name, { connection: asConnection(client), prefix: queuePrefix(connection) });
    if (!queues.has(name)) made.on('error', () => undefined);
    queues.set(name, made);
    return made;
  };

  const ask = <T>(work: () => Promise<T>): Promise<T> => {
    if (!client.isReady) return Promise.reject(new Error('redis is away'));
    return withDeadline(work());
  };

  return {
    enqueue: (name, payload) =>
      ask(async () => {
        const { idFor, attempts, backoffMs } = JOBS[name];
        const job: BullJob = await queueOf(name).add(name, payload, {
          jobId: idFor(payload),
          attempts,
          backoff: { type: 'exponential', delay: backoffMs, jitter: 0.5 },
          // A finished job that is kept would block the next one of the same id.
          removeOnComplete: true,
        });
        if ((await job.getState()) === 'failed') await job.retry('failed');
      }),

    counts: () =>
      ask(() =>
        Promise.all(
          JOB_NAMES.map(async (name) => {
            const {
              waiting = 0,
              prioritized = 0,
              active = 0,
              delayed = 0,
              failed = 0,
            } = await queueOf(name).getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed');
            return { name, waiting: waiting + prioritized, active, delayed, failed };
          }),
        ),
      ),

    failures: () =>
      ask(async () => {
        const lists = await Promise.all(JOB_NAMES.map(async (name) => ({ name, jobs: await queueOf(name).getFailed(0, FAILED_SHOWN - 1) })));
        return lists.flatMap(({ name, jobs }) =>
          jobs.map(({ id = '', attemptsMade, failedReason = '' }) => ({
            name,
            id,
            attempts: attemptsMade,
            reason: failedReason.slice(0, REASON_CHARACTERS_MAX),
          })),
        );
      }),

    retryFailed: (name) => {
      const known = JOB_NAMES.find((entry) => entry === name);
      if (!known) return Promise.resolve(0);
      return ask(async () => {
        const failed = await queueOf(known).getFailed(0, 999);
        for (const job of failed) await job.retry('failed');
        return failed.length;
      });
    },

    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close().catch(() => undefined)));
      if (client.isReady) await withDeadline(client.close()).catch(() => undefined);
      if (client.isOpen) client.destroy();
    },
  };
}

function withDeadline<T>(answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`redis gave no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
