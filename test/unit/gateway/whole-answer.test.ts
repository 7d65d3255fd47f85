import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { endWhole, KEEP_ALIVE_MS } from '../../../server/gateway/front/whole-answer.ts';

const NOW = Date.UTC(2030, 0, 1, 12);

interface Answered {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
}

describe('endWhole', () => {
  let server: Server;
  let answer: Answered;
  let whole: boolean[];
  beforeEach(async () => {
    whole = [];
    server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
      const { status, headers, body } = answer;
      if (req.url === '/ours') whole.push(endWhole(req, res, status, headers, body, NOW));
      if (res.writableEnded) return;
      res.writeHead(status, headers);
      res.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** All that comes back until the server closes. */
  const ask = (text: string): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => socket.write(text));
      const pieces: Buffer[] = [];
      socket.on('data', (piece) => pieces.push(piece));
      socket.on('error', reject);
      socket.on('close', () => resolve(Buffer.concat(pieces)));
    });
  const request = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: here\r\n${more}\r\n`;
  // The last request closes the connection, so that an answer has an end.
  const bytes = async (path: string) => (await ask(request(path) + request('/end', 'Connection: close\r\n'))).toString('latin1').split('HTTP/1.1 ')[1];

  const name = fc.stringMatching(/^X-[A-Za-z]{1,12}$/);
  const value = fc.stringMatching(/^[\x21-\x7e\x80-\xff][\x20-\x7e\x80-\xff]{0,20}$/);
  const answers = fc.record({
    status: fc.constantFrom(200, 201, 299, 301, 404, 500, 599),
    headers: fc.array(fc.tuple(name, value), { maxLength: 8 }),
    dated: fc.boolean(),
    body: fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
  });

  it('writes, byte for byte, what Node itself would write', async () => {
    await fc.assert(
      fc.asyncProperty(answers, async ({ status, headers, dated, body }) => {
        const own = [...headers.flat(), 'Content-Length', String(body.length), ...(dated ? ['dAtE', 'yesterday'] : [])];
        answer = { status, headers: own, body: Buffer.from(body) };
        whole = [];
        const ours = (await bytes('/ours')) ?? '';
        const nodes = (await bytes('/nodes')) ?? '';
        const undated = (text: string) => text.replace(/\r\nDate: [^\r]*/, '\r\nDate: now');
        expect(undated(ours)).to.equal(undated(nodes));
        if (!dated) expect(ours).to.include(`\r\nDate: ${new Date(NOW).toUTCString()}\r\n`);
        expect(whole).to.deep.equal([true]);
      }),
      { numRuns: 40 },
    );
  });

  it('keeps the order of requests that come together, and the connection for the next', async () => {
    answer = { status: 200, headers: ['Content-Length', '2'], body: Buffer.from('ok') };
    const text = (await ask(request('/ours') + request('/nodes') + request('/ours') + request('/ours', 'Connection: close\r\n'))).toString();
    expect(text.match(/HTTP\/1\.1 200 OK/g)).to.have.lengthOf(4);
    expect(text.endsWith('\r\nConnection: close\r\n\r\nok')).to.equal(true);
    expect(whole).to.deep.equal([true, true, false]);
  });

  it('leaves to Node what ends the connection, speaks HTTP/1.0 or is large', async () => {
    answer = { status: 200, headers: ['Content-Length', '2'], body: Buffer.from('ok') };
    await ask(request('/ours', 'Connection: close\r\n'));
    await ask('GET /ours HTTP/1.0\r\n\r\n');
    expect(whole).to.deep.equal([false, false]);
    const body = Buffer.alloc(20_000, 'x');
    answer = { status: 200, headers: ['Content-Length', String(body.length)], body };
    await ask(request('/ours') + request('/end', 'Connection: close\r\n'));
    expect(whole).to.deep.equal([false, false, false]);
  });
});
