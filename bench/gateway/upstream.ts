// A provider that costs as little as one can: a kilobyte of JSON, kept connections.
import { createServer, type AddressInfo } from 'node:net';
import { answerAs } from './processes.ts';

const body = JSON.stringify({ data: 'x'.repeat(1_013) });
const answer = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
let requests = 0;

const server = createServer({ noDelay: true }, (socket) => {
  let pending = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    pending = pending === '' ? chunk.toString('latin1') : pending + chunk.toString('latin1');
    // Only requests without a body are sent here.
    for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
      pending = pending.slice(end + 4);
      requests += 1;
      socket.write(answer);
    }
  });
});
server.listen(0, '127.0.0.1', () => answerAs((server.address() as AddressInfo).port, { answers: { requests: () => requests } }));
