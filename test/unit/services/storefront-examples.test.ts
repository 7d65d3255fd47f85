import { expect } from 'chai';
import { examplesOf } from '../../../server/services/storefront/examples.ts';

describe('examplesOf', () => {
  const root = {
    openapi: '3.1.0',
    components: {
      schemas: {
        Country: {
          type: 'object',
          properties: {
            code: { type: 'string', examples: ['CH'] },
            area: { type: 'number', minimum: 1 },
            borders: { type: 'array', items: { type: 'string' } },
            founded: { type: ['null', 'string'], format: 'date' },
            parent: { $ref: '#/components/schemas/Country' },
          },
        },
      },
      responses: { Missing: { description: 'No such country.', content: { 'application/problem+json': { example: { status: 404 } } } } },
    },
    paths: {
      '/countries/{code}': {
        get: {
          responses: {
            200: { description: 'The country.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Country' } } } },
            304: { description: 'Not changed.' },
            404: { $ref: '#/components/responses/Missing' },
          },
        },
        post: { requestBody: { content: { 'text/plain': {}, 'application/json': { examples: { one: { value: { codes: ['CH'] } } } } } }, responses: {} },
      },
    },
  };
  it('takes what the author wrote, makes the rest from the schema, and ends a schema that contains itself', () => {
    const { answers, request } = examplesOf(root).get('GET /countries/{code}')!;
    expect(request).to.equal(null);
    expect(answers.map(({ status, description, contentType }) => [status, description, contentType])).to.deep.equal([
      ['200', 'The country.', 'application/json'],
      ['304', 'Not changed.', ''],
      ['404', 'No such country.', 'application/problem+json'],
    ]);
    expect(JSON.parse(answers[0]!.body!))
      .to.include({ code: 'CH', area: 1, founded: '2026-01-31' })
      .and.to.have.nested.property('parent.parent.parent.code', 'CH');
    expect(answers.map(({ written }) => written)).to.deep.equal([false, false, true]);
    expect(answers[1]!.body).to.equal(null);
    expect(JSON.parse(answers[2]!.body!)).to.deep.equal({ status: 404 });
  });
  it('finds the body of a request, in either format', () => {
    expect(examplesOf(root).get('POST /countries/{code}')!.request).to.deep.equal({
      contentType: 'application/json',
      body: '{\n  "codes": [\n    "CH"\n  ]\n}',
    });
    const old = {
      swagger: '2.0',
      paths: {
        '/a': {
          put: {
            parameters: [{ in: 'body', schema: { type: 'object', properties: { n: { type: 'integer' } } } }],
            responses: { 200: { description: 'Done', schema: { type: 'boolean' } } },
          },
        },
      },
    };
    expect(examplesOf(old).get('PUT /a')).to.deep.equal({
      request: { contentType: 'application/json', body: '{\n  "n": 0\n}' },
      answers: [{ status: '200', description: 'Done', contentType: 'application/json', body: 'true', written: false }],
    });
  });
  it('is bounded whatever a document holds', () => {
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_entry, n) => [`p${n}`, { type: 'string', example: 'x'.repeat(100) }]));
    const [answer] = examplesOf({
      paths: { '/a': { get: { responses: { 200: { description: 1, content: { 'application/json': { schema: { properties: wide } } } } } } } },
    }).get('GET /a')!.answers;
    expect(answer!.body!.length).to.be.at.most(4_010);
    expect(answer!.description).to.equal('');
    for (const odd of [
      {},
      { paths: null },
      { paths: { '/a': 1 } },
      { paths: { '/a': { get: { responses: [] } } } },
      { paths: { '/a': { $ref: '#/paths/~1a' } } },
      { paths: { '/a': { get: { requestBody: { $ref: 'http://x' }, parameters: 'no', responses: { 200: { content: { 'application/json': null } } } } } } },
    ]) {
      expect(() => examplesOf(odd as never)).not.to.throw();
    }
  });
});
