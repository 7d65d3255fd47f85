import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { journalFiles } from '../../server/gateway/journal-files.ts';
import { makeReplay } from '../../server/gateway/journal-codec.ts';

/**
 * Calls whose caller does not read: he sends them all at once down one connection. Their answers fill what the kernel keeps between the two
 * processes; those beyond it stay in the gateway, recorded, and cannot end.
 */
export function holdAnswers(gatewayUrl: string, { appCode, path, calls }: { appCode: string; path: string; calls: number }) {
  const { hostname, port, host } = new URL(gatewayUrl);
  const socket = createConnection({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined); // its gateway is killed
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX-Apig-AppCode: ${appCode}\r\n\r\n`.repeat(calls));
  return {
    /** Read what is left once the gateway is gone. @returns ids of the calls whose answers arrived whole */
    async rest(): Promise<string[]> {
      const pieces: Buffer[] = [];
      socket.on('data', (piece) => pieces.push(piece));
      await new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
      return wholeAnswers(Buffer.concat(pieces).toString('latin1'));
    },
  };
}

function wholeAnswers(text: string): string[] {
  const ids: string[] = [];
  for (let at = 0; ;) {
    const bodyAt = text.indexOf('\r\n\r\n', at) + 4;
    const head = text.slice(at, bodyAt);
    const end = bodyAt + Number(/^content-length: (\d+)/im.exec(head)?.[1]);
    if (bodyAt < 4 || !(end <= text.length)) return ids;
    if (head.startsWith('HTTP/1.1 200 ')) ids.push(/^x-request-id: (\S+)/im.exec(head)?.[1] ?? '');
    at = end;
  }
}

/** Calls whose record is in a gateway's journal and whose end is not: were it killed now, their delivery would be unknown. */
export function callsWithoutEnd(dataDir: string, node: string): number {
  const files = journalFiles(join(dataDir, 'gateway', node));
  const boot = Math.max(...files.map((file) => file.boot));
  const replay = makeReplay({ node, boot, receivedAt: () => 0 });
  try {
    for (const file of files) if (file.boot === boot) replay.feed(file.segment, readFileSync(file.path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0; // stored and removed meanwhile: looked for again
    throw error;
  }
  const open = replay.rest(0)?.entries.filter(({ outcome }) => outcome === 'unknown') ?? [];
  return open.reduce((sum, { calls }) => sum + Number(calls), 0);
}
