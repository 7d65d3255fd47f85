import { Worker, type WorkerOptions } from 'node:worker_threads';
import { AppError } from '../../kernel/errors.ts';
import { DOCUMENT_BYTES_MAX, type DocumentReading, type DocumentResult, type WorkerMessage } from './reading.ts';

export interface ReadLimits {
  readonly memoryMb: number;
  readonly timeMs: number;
}
export const READ_LIMITS: ReadLimits = { memoryMb: 512, timeMs: 30_000 };

/** Documents that may wait while another one is read in this process; further ones are asked to come again. */
const WAITING_MAX = 4;

/** Compiled, the worker is a file beside this one; from source its thread needs the loader first, which a thread does not inherit. */
function startWorker(options: WorkerOptions): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./worker.js', import.meta.url), options);
  const source = JSON.stringify(new URL('./worker.ts', import.meta.url).href);
  return new Worker(`import('tsx/esm/api').then(({ register }) => { register(); return import(${source}); });`, { ...options, eval: true });
}

export interface DocumentReader {
  /**
   * Read an OpenAPI document in a thread of its own, bounded in memory and time. Whatever it is made of, the answer is a reading or a
   * refusal in words.
   * @throws too-many-attempts when others wait already
   */
  read(bytes: Uint8Array): Promise<DocumentResult>;
}

/** @param onFault  told what ended a reading unforeseen: a mistake of ours, for the log */
export function makeDocumentReader({
  limits = READ_LIMITS,
  onFault = () => undefined,
}: { limits?: ReadLimits; onFault?: (error: Error) => void } = {}): DocumentReader {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    async read(bytes) {
      if (bytes.length > DOCUMENT_BYTES_MAX) return { refusal: 'The document has more than 16 MiB.' };
      if (waiting > WAITING_MAX) throw new AppError('too-many-attempts', 'Other documents are being read. Try again in a minute.', { retryAfterSeconds: 60 });
      waiting += 1;
      // One at a time: two of the largest would take the machine from everybody else.
      const turn = last.then(() => readInWorker(bytes, limits, onFault));
      last = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        waiting -= 1;
      }
    },
  };
}

const tooBig = ({ timeMs, memoryMb }: ReadLimits) =>
  `Reading the document took more than ${timeMs / 1_000} seconds or ${memoryMb} MB. Split it, or make it simpler.`;
const UNCHECKED = 'The document is too large to be checked against its specification; its operations were read all the same.';

function readInWorker(bytes: Uint8Array, limits: ReadLimits, onFault: (error: Error) => void): Promise<DocumentResult> {
  return new Promise((resolve) => {
    const worker = startWorker({
      // The thread knows nothing of the environment, whatever a document may make of it.
      workerData: bytes,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: limits.memoryMb, maxYoungGenerationSizeMb: 64 },
      stdout: true,
      stderr: true,
    });
    let reading: DocumentReading | undefined;
    let kept: { kept?: string } = {};
    const end = (result: DocumentResult) => {
      clearTimeout(timer);
      void worker.terminate();
      resolve(result);
    };
    const cutShort = (refusal: string) => end(reading ? { ...kept, reading: { ...reading, notes: [...reading.notes, UNCHECKED] } } : { refusal });
    const timer = setTimeout(() => cutShort(tooBig(limits)), limits.timeMs);
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'refusal') end({ refusal: message.refusal });
      else if (message.kind === 'withheld') kept = { kept: message.text };
      else if (message.kind === 'reading') reading = message.reading;
      else if (reading) end({ ...kept, reading: { ...reading, faults: message.faults, moreFaults: message.moreFaults } });
    });
    worker.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') return cutShort(tooBig(limits));
      onFault(error);
      cutShort('The document could not be read: it is not built as a description of an API should be.');
    });
    worker.on('exit', () => cutShort('The document could not be read.'));
  });
}
