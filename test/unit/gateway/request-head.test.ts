import { createRequire } from 'node:module';
import { expect } from 'chai';
import fc from 'fast-check';
import { readPlainRequest } from '../../../server/gateway/front/request-head.ts';

interface Parser {
  initialize(kind: number, resource: object): void;
  execute(data: Buffer): number | Error;
  [callback: number]: ((...values: never[]) => unknown) | undefined;
}
interface HttpCommon {
  readonly HTTPParser: {
    new (): Parser;
    readonly REQUEST: number;
    readonly kOnHeaders: number;
    readonly kOnHeadersComplete: number;
    readonly kOnMessageComplete: number;
  };
  readonly methods: readonly string[];
}
const { HTTPParser, methods } = createRequire(import.meta.url)('node:_http_common') as HttpCommon;

/** What Node's own parser reads: the requests that are whole, and whether all bytes were taken. */
function nodeReads(text: string) {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  const requests: { method: string | undefined; url: string; rawHeaders: string[] }[] = [];
  let whole = 0;
  let early: string[] = [];
  parser[HTTPParser.kOnHeaders] = (headers: string[]) => void (early = [...early, ...headers]);
  parser[HTTPParser.kOnHeadersComplete] = (_major: number, _minor: number, headers: string[] | undefined, method: number, url: string) =>
    void requests.push({ method: methods[method], url, rawHeaders: [...early, ...(headers ?? [])] });
  parser[HTTPParser.kOnMessageComplete] = () => void (whole += 1);
  const taken = parser.execute(Buffer.from(text, 'latin1'));
  return { requests, whole, all: taken === text.length };
}
const read = (text: string) => readPlainRequest(Buffer.from(text, 'latin1'));

const name = fc.oneof(
  fc.constantFrom(
    'Accept',
    'X-A',
    'Connection',
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Upgrade',
    'Expect',
    'Trailer',
    'Keep-Alive',
    'TE',
    'Cookie',
    '',
    'X A',
    'X-A ',
  ),
  fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,8}$/),
);
const value = fc.oneof(
  fc.constantFrom('', 'chunked', '0', '5', 'close', 'keep-alive', 'Keep-Alive', 'h2c', ' a ', '\ta', 'a\tb', 'é', '\x7f'),
  fc.stringMatching(/^[\t\x20-\x7e]{0,12}$/),
);
const end = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\n ');
const heads = fc
  .tuple(
    fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'get', 'GET '),
    fc.constantFrom('/', '/a?b=c', '/a b', '*', 'http://h/a', '/%2e', '/é'),
    fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'http/1.1'),
    fc.array(fc.tuple(name, fc.constantFrom(':', ':', ': ', ' :', ''), value, end), { maxLength: 4 }),
    fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '', '\r\n\r\n', '\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n'),
  )
  .map(([method, target, version, fields, tail]) => `${method} ${target} ${version}\r\nHost: h\r\n${fields.map((parts) => parts.join('')).join('')}${tail}`);

describe('readPlainRequest', () => {
  it('takes nothing that Node’s parser reads otherwise', () => {
    let taken = 0;
    fc.assert(
      fc.property(heads, (text) => {
        const plain = read(text);
        if (plain === null) return;
        taken += 1;
        const { requests, whole, all } = nodeReads(text);
        expect([whole, all]).to.deep.equal([1, true]);
        expect(requests).to.deep.equal([{ method: plain.method, url: plain.url, rawHeaders: plain.rawHeaders }]);
      }),
      { numRuns: 5_000 },
    );
    // Some dozens of them; how many is chance.
    expect(taken).to.be.greaterThan(10);
  });

  it('takes no head whose bytes were changed anywhere into something Node reads otherwise', () => {
    const text = 'GET /a?b=c HTTP/1.1\r\nHost: h:80\r\nAccept: */*\r\nX-A: \tb c \r\nConnection: keep-alive\r\n\r\n';
    expect(read(text)?.rawHeaders).to.deep.equal(['Host', 'h:80', 'Accept', '*/*', 'X-A', 'b c', 'Connection', 'keep-alive']);
    for (let at = 0; at < text.length; at++)
      for (const byte of ['', '\0', '\t', '\n', '\r', ' ', ':', 'a', '\x7f', '\xff', '\r\n', '\r\n\r\n']) {
        const changed = text.slice(0, at) + byte + text.slice(at + 1);
        const plain = read(changed);
        if (plain === null) continue;
        const { requests, whole, all } = nodeReads(changed);
        expect([whole, all, requests], JSON.stringify(changed)).to.deep.equal([
          1,
          true,
          [{ method: plain.method, url: plain.url, rawHeaders: plain.rawHeaders }],
        ]);
      }
  });

  it('takes no part of a head, and nothing behind one', () => {
    const text = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
    for (let length = 0; length < text.length; length++) expect(read(text.slice(0, length))).to.equal(null);
    for (const more of ['\0', '\r\n', 'a', text]) expect(read(text + more)).to.equal(null);
    expect(read(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: h\r\n\r\n`)).to.equal(null);
    expect(read(`GET / HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(101)}\r\n`)).to.equal(null);
  });

  it('takes time in proportion to what it reads', () => {
    // Quadratic reading of these would take minutes.
    for (const piece of ['a', ' ', ':', 'A:', 'A: \r\n', '\t'])
      expect(read(`GET / HTTP/1.1\r\nHost: h\r\nX:${piece.repeat(16_000 / piece.length)}\n`)).to.equal(null);
  });
});
