import { parentPort, workerData } from 'node:worker_threads';
import { readDocument } from './read-document.ts';

await readDocument(workerData as Uint8Array, (message) => parentPort?.postMessage(message));
