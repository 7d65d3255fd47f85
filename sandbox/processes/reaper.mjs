// Outlives the process that started it, for as long as it takes to stop what that one left behind: when its input ends, whatever
// the reason (kill -9 included), it stops the process groups still listed, in order, and removes throwaway folders. This is why no way of dying
// leaves a database running.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { stopInOrder } from './groups.mjs';

const groups = new Map();
const folders = new Set();

process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const message = JSON.parse(line);
  if (message.add) groups.set(message.add.pid, message.add);
  if (message.drop) groups.delete(message.drop);
  if (message.folder) folders.add(message.folder);
});
input.on('close', async () => {
  await stopInOrder([...groups.values()]);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
