import { DelayedError, Worker, type Job as BullJob } from 'bullmq';
import { AppError } from '../server/kernel/errors.ts';
import { asConnection, queueClient, queuePrefix, type QueueConnection } from '../server/queue/connection.ts';
import { JOBS, JOB_NAMES, type JobName, type JobPayloads } from '../server/queue/jobs.ts';
import type { JobWorld } from './job.ts';
import { REGISTRY } from './registry.ts';
import { startSchedule } from './schedule.ts';

/**
 * A worker that does not say within this time that it is alive has its job given to another one; it is looked for as often. Until then the
 * job of a killed worker keeps its id, and none of that name can be queued: a boundary waits that long.
 */
const LOCK_MS = 10_000;

export interface WorkerRole {
  /** Jobs under way are finished; none is begun. */
  stop(): Promise<void>;
}

/** Runs every job of the registry, and asks for those that come round by the clock. */
export function startWorker(connection: QueueConnection, world: JobWorld, { scheduled = true }: { scheduled?: boolean } = {}): WorkerRole {
  const client = queueClient(connection, { patient: true });
  client.on('error', (error: Error) => world.log.debug({ err: error.message }, 'the queue’s redis is away'));
  client.connect().catch(() => undefined);

  const run = <N extends JobName>(name: N, payload: JobPayloads[N]): Promise<void> => REGISTRY[name].run(payload, world);
  /**
   * A job that meets Stripe's circuit open is put off, which uses up none of its tries: nothing was asked. Whoever finds it open comes again a little
   * after it may be well, spread over a second half of the wait. A job of one try comes round by itself, and would only be in its own way.
   */
  async function putOff(job: BullJob, token: string | undefined, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'payments-paused' || (job.opts.attempts ?? 1) < 2) throw error;
      const waitMs = (error.retryAfterSeconds ?? 1) * 1_000;
      world.log.info({ job: job.name, id: job.id, waitMs }, 'put off: payments are paused');
      await job.moveToDelayed(world.clock.real() + waitMs + spread(job.id ?? '', waitMs / 2), token);
      throw new DelayedError();
    }
  }
  const workers = JOB_NAMES.map((name) => {
    const worker = new Worker(name, (job, token) => putOff(job, token, () => run(name, job.data as JobPayloads[typeof name])), {
      connection: asConnection(client),
      prefix: queuePrefix(connection),
      concurrency: JOBS[name].concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: LOCK_MS,
    });
    worker.on('failed', (job, error) => {
      const last = (job?.attemptsMade ?? 0) >= JOBS[name].attempts;
      world.log[last ? 'error' : 'warn'](
        { job: name, id: job?.id, attempt: job?.attemptsMade, err: error },
        last ? 'a job failed for good' : 'a job failed and is tried again',
      );
    });
    worker.on('error', (error) => world.log.debug({ job: name, err: error.message }, 'queue'));
    return worker;
  });
  const stopSchedule = scheduled ? startSchedule(world) : () => undefined;

  return {
    async stop() {
      stopSchedule();
      await Promise.all(workers.map((worker) => worker.close().catch(() => undefined)));
      if (client.isOpen) client.destroy();
    },
  };
}

/** By its name, so that jobs put off together do not come back together. */
function spread(id: string, rangeMs: number): number {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) % 1_000;
  return Math.ceil((sum * rangeMs) / 1_000);
}
