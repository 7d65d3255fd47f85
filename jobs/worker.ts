import { Worker } from 'bullmq';
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
  const workers = JOB_NAMES.map((name) => {
    const worker = new Worker(name, (job) => run(name, job.data as JobPayloads[typeof name]), {
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
