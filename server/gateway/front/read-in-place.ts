import { Socket } from 'node:net';

/** What Node's sockets hold inside. */
interface Inside {
  _handle: { useUserBuffer?: unknown } | null;
  _server: unknown;
  server: unknown;
}

const READ_BYTES = 65_536;
/** One for all connections: what is kept of it is copied before the next read. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * Read an accepted connection into one buffer that all share, as Node lets its clients (`onread`) and not its servers: for each read of a
 * server's connection it takes 64 KB from the system, gives most of it back, and leaves an ArrayBuffer to the collector, which costs more than
 * reading a request does. The connection moves to a new socket for it; where Node's inside is not as we know it, it stays where it is.
 *
 * @param onRead  given bytes that are valid until it returns; false to stop reading
 * @returns the socket to go on with
 */
export function readInPlace(accepted: Socket, onRead: (bytes: Buffer) => boolean): Socket {
  const inside = accepted as unknown as Inside;
  const { _handle: handle, _server: server } = inside;
  if (typeof handle?.useUserBuffer !== 'function' || typeof server !== 'object') {
    accepted.on('data', (bytes: Buffer) => {
      if (!onRead(bytes)) accepted.pause();
    });
    return accepted;
  }
  inside._handle = null;
  inside._server = null;
  const options = { handle, allowHalfOpen: true, onread: { buffer: shared, callback: (bytes: number) => onRead(shared.subarray(0, bytes)) } };
  const socket = new Socket(options as object);
  const moved = socket as unknown as Inside;
  moved._server = moved.server = server;
  return socket;
}
