import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { HttpBackend } from '../../../../server/domain/api.ts';
import { mapDocument } from '../../../../server/services/openapi/mapping.ts';
import { readDocument } from '../../../../server/services/openapi/read-document.ts';
import type { DocumentReading, WorkerMessage } from '../../../../server/services/openapi/reading.ts';

const map = (paths: unknown, more: Record<string, unknown> = {}): DocumentReading => {
  const result = mapDocument({ openapi: '3.1.0', info: { title: 'T', version: '1' }, servers: [{ url: 'https://api.example.com/v1' }], paths, ...more }, []);
  if (result.refusal !== undefined) throw new Error(result.refusal);
  return result.reading;
};
const only = (reading: DocumentReading) => {
  const [operation] = reading.operations;
  if (!operation || reading.operations.length !== 1) throw new Error(`${reading.operations.length} operations`);
  return operation;
};
const get = (parameters: unknown[], more: Record<string, unknown> = {}) => ({ '/x': { get: { parameters, responses: {}, ...more } } });
const origins = (more: Record<string, unknown>) =>
  map({ '/x': { get: {} } }, more).operations.map(({ definition }) => {
    const { origin, path } = definition?.backend as HttpBackend;
    return `${origin} ${path}`;
  })[0];

describe('mapping an OpenAPI document', () => {
  it('takes path, query and header parameters with their rules', () => {
    const { definition, notes } = only(
      map({
        '/countries/{code}': {
          parameters: [{ name: 'code', in: 'path', required: true, schema: { type: 'string', minLength: 2, maxLength: 3 } }],
          get: {
            operationId: 'getCountry',
            summary: 'One country',
            tags: ['countries'],
            parameters: [
              { name: 'lang', in: 'query', schema: { type: ['string', 'null'], enum: ['en', 'de'], default: 'en' }, description: 'Language' },
              { name: 'limit', in: 'query', required: true, schema: { type: 'integer', minimum: 1, exclusiveMaximum: 101 }, example: 20 },
              { name: 'X-Trace', in: 'header', schema: { type: 'boolean' } },
            ],
          },
        },
      }),
    );
    expect(notes).to.deep.equal([]);
    expect(definition).to.deep.include({
      name: 'getCountry',
      summary: 'One country',
      tags: ['countries'],
      frontend: { method: 'GET', path: '/countries/{code}', match: 'exact' },
    });
    expect(definition?.parameters).to.deep.equal([
      { name: 'code', in: 'path', required: true, type: 'string', description: '', minLength: 2, maxLength: 3 },
      { name: 'lang', in: 'query', required: false, type: 'string', description: 'Language', enum: ['en', 'de'], default: 'en' },
      { name: 'limit', in: 'query', required: true, type: 'integer', description: '', minimum: 1, maximum: 100, example: '20' },
      { name: 'X-Trace', in: 'header', required: false, type: 'boolean', description: '' },
    ]);
    expect(definition?.backend).to.deep.include({ origin: 'https://api.example.com', path: '/v1/countries/{code}' });
  });

  it('names whatever it does not take', () => {
    const { notes, definition } = only(
      map(
        get(
          [
            { name: 'ids', in: 'query', schema: { type: 'array', items: { type: 'string' } } },
            { name: 'session', in: 'cookie', schema: { type: 'string' } },
            { name: 'X-Forwarded-For', in: 'header', schema: { type: 'string' } },
            { name: 'Accept', in: 'header', schema: { type: 'string' } },
            { name: 'code', in: 'query', schema: { type: 'string', pattern: '^(a+)+$' } },
            { name: 'ghost', in: 'path', required: true, schema: { type: 'string' } },
          ],
          { callbacks: { done: {} } },
        ),
      ),
    );
    expect(definition?.parameters.map(({ name }) => name)).to.deep.equal(['code']);
    for (const word of [
      'ids is passed on unchecked',
      'cookies are not passed on',
      'X-Forwarded-For was left out',
      'pattern is not checked',
      'the path has no {ghost}',
      'callbacks were left out',
    ]) {
      expect(notes.join(' ')).to.contain(word);
    }
    expect(notes.join(' ')).to.not.contain('Accept');
  });

  it('refuses operations that routes cannot hold, each with its reason', () => {
    const { operations } = map({
      '/report.{format}': { get: {} },
      '/a?x=1': { get: {} },
      '/twice/{a}/{a}': { get: {} },
      '/ok/{a}': { get: {}, trace: {} },
      '/ok/{b}': { get: {} },
      '/text': 'nonsense',
      [`/${'x'.repeat(600)}`]: { get: {} },
      '/dots/../up': { get: {} },
    });
    expect(operations.map(({ operation, definition }) => [operation.slice(0, 30), definition !== null])).to.deep.equal([
      ['GET /report.{format}', false],
      ['GET /a?x=1', false],
      ['GET /twice/{a}/{a}', false],
      ['GET /ok/{a}', true],
      ['TRACE /ok/{a}', false],
      ['GET /ok/{b}', false],
      ['* /text', false],
      [`GET /${'x'.repeat(25)}`, false],
      ['GET /dots/../up', false],
    ]);
    expect(operations.every(({ definition, reason }) => (definition === null) === (reason !== ''))).to.equal(true);
    expect(operations[5]?.reason).to.contain('GET /ok/{a}');
  });

  it('writes odd names of path parameters so that routes can hold them', () => {
    const { definition, notes } = only(map({ '/users/{user.id}': { get: { parameters: [] } } }));
    expect(definition?.frontend.path).to.equal('/users/{p1_userid}');
    expect(definition?.backend).to.include({ path: '/v1/users/{p1_userid}' });
    expect(notes.join(' ')).to.contain('{p1_userid}');
  });

  it('finds the backend in servers, variables, and the words of Swagger 2.0', () => {
    expect(origins({ servers: [{ url: 'http://a.example.com' }, { url: 'https://b.example.com/base/' }] })).to.equal('https://b.example.com /base/x');
    expect(
      origins({ servers: [{ url: 'https://{region}.example.com:{port}', variables: { region: { default: 'eu' }, port: { default: '8443' } } }] }),
    ).to.equal('https://eu.example.com:8443 /x');
    expect(origins({ servers: [{ url: 'https://{tenant}.example.com' }] })).to.equal(' /x');
    expect(origins({ servers: [{ url: '/api' }] })).to.equal(' /api/x');
    expect(origins({ servers: [{ url: 'javascript:alert(1)' }] })).to.equal(' /x');
    expect(origins({ openapi: undefined, swagger: '2.0', servers: undefined, host: 'api.example.com', basePath: '/v2/', schemes: ['http'] })).to.equal(
      'http://api.example.com /v2/x',
    );
    expect(origins({ openapi: undefined, swagger: '2.0', servers: undefined, basePath: 'v2' })).to.equal(' /v2/x');
  });

  it('tells what the upstream asks for, and streams', () => {
    const reading = map(
      { '/x': { get: { responses: { 200: { description: '', content: { 'text/event-stream': {} } } } } } },
      { components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'X-Key' } } } },
    );
    expect(reading.notes.join(' ')).to.contain('a key in the header X-Key');
    expect(only(reading).definition?.streaming).to.equal(true);
  });

  it('reads the httpbin document with its eighteen faults, and reports them', async () => {
    const messages: WorkerMessage[] = [];
    await readDocument(readFileSync('sandbox/upstreams/httpbin/swagger.json'), (message) => messages.push(message));
    const [first, second] = messages;
    if (first?.kind !== 'reading' || second?.kind !== 'faults') throw new Error('not read');
    expect(first.reading.operations.filter(({ definition }) => definition !== null)).to.have.length(73);
    expect(first.reading.operations.filter(({ reason }) => reason.includes('method trace'))).to.have.length(5);
    expect(second.faults).to.have.length(18);
    expect(second.faults[0]).to.contain('protocol is not expected to be here, about line');
  });
});
