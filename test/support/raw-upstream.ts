import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A provider that says exactly what it is told to, byte for byte, whatever HTTP says about it. */
export async function rawUpstream() {
  const sockets = new Set<Socket>();
  /** Open connections that carried a request. */
  const asked = new Set<Socket>();
  const heads: string[] = [];
  let answer: (socket: Socket, head: string) => void = (socket) => void socket.end();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket) && asked.delete(socket));
    socket.on('error', () => undefined);
    let pending = '';
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end + 4);
        pending = pending.slice(end + 4);
        heads.push(head);
        asked.add(socket);
        answer(socket, head);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    heads,
    asked,
    answerWith(next: typeof answer) {
      answer = next;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
