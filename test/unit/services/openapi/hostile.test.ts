import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { makeDocumentReader } from '../../../../server/services/openapi/read.ts';
import type { DocumentReading } from '../../../../server/services/openapi/reading.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const paths = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`/p${i}`, { get: { responses: { 200: { description: 'ok' } } } }]));
const document = (more: Record<string, unknown> = {}) => ({
  openapi: '3.0.3',
  info: { title: 'T', version: '1' },
  servers: [{ url: 'https://api.example.com' }],
  paths: paths(1),
  ...more,
});

describe('a hostile OpenAPI document', function () {
  this.timeout(60_000);
  const faults: Error[] = [];
  const reader = makeDocumentReader({ onFault: (error) => faults.push(error) });
  const refusal = async (content: Uint8Array) => (await reader.read(content)).refusal ?? '';
  const reading = async (content: unknown): Promise<DocumentReading> => {
    const result = await reader.read(bytes(JSON.stringify(content)));
    if (result.refusal !== undefined) throw new Error(result.refusal);
    return result.reading;
  };
  after(() => expect(faults).to.deep.equal([]));

  it('is refused when its YAML anchors multiply', async () => {
    const lines = ['a: &a ["x","x","x","x","x","x","x","x","x"]'];
    for (const [i, name] of [...'bcdefghijk'].entries())
      lines.push(
        `${name}: &${name} [${Array(9)
          .fill(`*${'abcdefghij'[i] ?? 'a'}`)
          .join(',')}]`,
      );
    expect(await refusal(bytes(lines.join('\n')))).to.contain('anchors too often');
  });

  it('is refused when it is nested 20,000 deep, as JSON and as YAML', async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
    expect(await refusal(bytes(deep))).to.contain('nested too deeply');
    expect(await refusal(bytes(`a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`))).to.contain('nested too deeply');
    expect(
      await refusal(bytes(JSON.stringify(document({ components: { schemas: { Deep: JSON.parse(`${'{"not":'.repeat(190)}{}${'}'.repeat(190)}`) } } })))),
    ).to.equal('');
  });

  it('is refused above 16 MiB without being read', async () => {
    expect(await refusal(new Uint8Array(16 * 1024 * 1024 + 1).fill(0x20))).to.contain('16 MiB');
  });

  it('is refused above 3,000 operations', async () => {
    expect(await refusal(bytes(JSON.stringify(document({ paths: paths(3_001) }))))).to.contain('more than 3,000 operations');
    expect((await reading(document({ paths: paths(3_000) }))).operations).to.have.length(3_000);
  });

  it('is refused with the line when it is no JSON, no YAML, no UTF-8, empty, or something else', async () => {
    expect(await refusal(bytes('{"openapi": "3.0.0",\n "info": ]'))).to.contain('line 2');
    expect(await refusal(bytes('openapi: 3.0.0\ninfo: [unclosed\npaths: {}'))).to.contain('not valid YAML: line');
    expect(await refusal(new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]))).to.contain('not valid UTF-8');
    expect(await refusal(bytes(' \n'))).to.contain('empty');
    expect(await refusal(bytes('[1,2]'))).to.contain('not an object');
    expect(await refusal(bytes('hello'))).to.contain('not an object');
    expect(await refusal(bytes('{"name":"my-package"}'))).to.contain('neither');
    expect(await refusal(bytes(JSON.stringify(document({ openapi: '3.2.0' }))))).to.contain('OpenAPI 3.2.0 is not read here');
    expect(await refusal(bytes(JSON.stringify({ swagger: '1.2' })))).to.contain('neither');
  });

  it('has references outside of itself refused, nothing opened, nothing fetched', async () => {
    let visits = 0;
    const server = createServer((_, res) => void res.end(String((visits += 1)))).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.json`;
    const result = await reading(
      document({
        paths: {
          '/file': { $ref: 'file:///etc/passwd' },
          '/http': { $ref: url },
          '/relative': { $ref: '../../../../etc/passwd' },
          '/parameter': { get: { parameters: [{ $ref: 'file:///etc/passwd#/a' }, { $ref: '#/components/parameters/Missing' }], responses: {} } },
        },
      }),
    );
    server.close();
    expect(visits).to.equal(0);
    expect(JSON.stringify(result)).to.not.contain('root:');
    expect(result.operations.map(({ operation, definition }) => [operation, definition !== null])).to.deep.equal([
      ['* /file', false],
      ['* /http', false],
      ['* /relative', false],
      ['GET /parameter', true],
    ]);
    expect(result.operations[0]?.reason).to.contain('outside of the document');
    expect(result.operations[3]?.notes.join(' ')).to.contain('outside of the document').and.contain('does not exist');
  });

  it('may refer to itself in a circle', async () => {
    const result = await reading(
      document({
        paths: {
          '/circle': { $ref: '#/paths/~1circle' },
          '/a': { $ref: '#/paths/~1b' },
          '/b': { $ref: '#/paths/~1a' },
          '/tree': {
            get: { parameters: [{ name: 'node', in: 'query', schema: { $ref: '#/components/schemas/Node' } }], responses: { 200: { description: 'ok' } } },
          },
        },
        components: { schemas: { Node: { type: 'object', properties: { children: { type: 'array', items: { $ref: '#/components/schemas/Node' } } } } } },
      }),
    );
    expect(result.operations.filter(({ reason }) => reason.includes('refers to itself'))).to.have.length(3);
    expect(result.operations.find(({ operation }) => operation === 'GET /tree')?.definition).to.not.equal(null);
  });

  it('changes no prototype', async () => {
    const result = await reader.read(
      bytes(
        '{"openapi":"3.0.0","info":{"title":"T","version":"1"},"__proto__":{"polluted":1},"paths":{"/x":{"get":{"parameters":[{"name":"__proto__","in":"query","schema":{"type":"string"}},{"name":"constructor","in":"query","schema":{"type":"string"}}],"responses":{}},"__proto__":{"post":{}}}},"constructor":{"prototype":{"polluted":1}}}',
      ),
    );
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
    expect(result.reading?.notes.join(' ')).to.contain('__proto__');
    expect(result.reading?.operations.map(({ operation }) => operation)).to.deep.equal(['GET /x']);
  });

  it('never takes longer or more than it may', async () => {
    const little = makeDocumentReader({ limits: { memoryMb: 512, timeMs: 1 } });
    expect((await little.read(bytes(JSON.stringify(document())))).refusal).to.contain('took more than');
    const cramped = makeDocumentReader({ limits: { memoryMb: 24, timeMs: 30_000 } });
    const huge = `{"openapi":"3.0.0","info":{"title":"T","version":"1"},"paths":{},"x-huge":[${Array(600_000).fill('{"a":{}}').join(',')}]}`;
    expect((await cramped.read(bytes(huge))).refusal).to.contain('took more than');
  });

  it('asks the sixth waiting document to come again', async () => {
    const busy = makeDocumentReader();
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => busy.read(bytes(JSON.stringify(document())))));
    expect(all.map(({ status }) => status)).to.deep.equal(['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
  });
});
