import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeCities } from '../../sandbox/upstreams/cities/api.ts';
import { makeCountries } from '../../sandbox/upstreams/countries/api.ts';
import { makeCurrencies } from '../../sandbox/upstreams/currencies/api.ts';
import { makeUpstream, type Upstream } from '../../sandbox/upstreams/kit.ts';

interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly example: unknown;
}
interface Answer {
  readonly $ref?: string;
  readonly content?: Record<string, unknown>;
}
interface DocumentedOperation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly example: unknown } } };
  readonly responses: Readonly<Record<string, Answer>>;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly license: { readonly name: string }; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
}

const pointer = (path: string) =>
  path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

const EXPECTED: readonly { make: () => Upstream; records: number; licence: string; missing: string; wrong: string }[] = [
  { make: makeCountries, records: 250, licence: 'ODbL-1.0', missing: '/v1/countries/XX', wrong: '/v1/countries?limit=0&colour=red' },
  { make: makeCities, records: 100_000, licence: 'CC-BY-4.0', missing: '/v1/cities/99999999', wrong: '/v1/cities/near?latitude=91' },
  { make: makeCurrencies, records: 170, licence: 'MIT', missing: '/v1/currencies/XQQ', wrong: '/v1/currencies?digits=two' },
];

for (const { make, records, licence, missing, wrong } of EXPECTED) {
  const upstream = make();
  describe(`the demo’s ${upstream.name} server`, () => {
    const document = upstream.document as unknown as Document;
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    ajv.addSchema({ $id: 'document', ...upstream.document });
    let server: Server;
    let base: string;

    before(async () => {
      server = makeUpstream(upstream);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    after(() => new Promise((resolve) => server.close(resolve)));

    const dereference = <T extends { $ref?: string }>(value: T): T => {
      if (!value.$ref) return value;
      let found: unknown = document;
      for (const part of pointer(value.$ref)) found = (found as Record<string, unknown>)[part];
      return found as T;
    };

    /** Validate a body against the schema that the document gives for the operation, status and type. */
    const faultsOf = (where: { path: string; method: string; status: number; type: string }, body: unknown): string => {
      const operation = document.paths[where.path]?.[where.method];
      const answer = operation?.responses[String(where.status)];
      const at =
        answer?.$ref ??
        `#/paths/${where.path.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')}/${where.method}/responses/${where.status}`;
      const validate = ajv.getSchema(`document${at}/content/${where.type.replaceAll('/', '~1')}/schema`);
      if (!validate) return `the document has no schema for ${where.method} ${where.path} ${where.status} ${where.type}`;
      return validate(body) ? '' : ajv.errorsText(validate.errors);
    };

    const send = async (path: string, method: string, operation: DocumentedOperation): Promise<Response> => {
      const query = new URLSearchParams();
      let target = path;
      for (const parameter of (operation.parameters ?? []).map(dereference)) {
        if (parameter.in === 'path') target = target.replace(`{${parameter.name}}`, encodeURIComponent(String(parameter.example)));
        else query.set(parameter.name, String(parameter.example));
      }
      const example = operation.requestBody?.content['application/json'].example;
      return fetch(`${base}${target}?${query}`, {
        method: method.toUpperCase(),
        ...(example === undefined ? {} : { body: JSON.stringify(example), headers: { 'content-type': 'application/json' } }),
      });
    };

    it('documents every operation it serves, and serves every operation it documents', async () => {
      const documented = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
      expect(documented).to.have.members(upstream.operations.map(({ method, path }) => `${method} ${path}`));
      expect(documented.length).to.be.at.least(6);
      expect(document.openapi).to.equal('3.1.0');
      expect(document.info.license.name).to.equal(licence);
      expect(document.info.description).to.include('Source and licence');
      expect(await (await fetch(`${base}/openapi.json`)).json()).to.deep.equal(upstream.document);
    });

    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const fails = !('200' in operation.responses);
        it(`${operation.operationId} answers its example ${fails ? 'with the documented failure' : 'as documented'}`, async () => {
          const response = await send(path, method, operation);
          expect(response.status).to.equal(fails ? 503 : 200);
          const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
          const body = (await response.json()) as { items?: unknown[] };
          expect(faultsOf({ path, method, status: response.status, type }, body)).to.equal('');
          if (fails) return expect(response.headers.get('retry-after')).to.match(/^\d+$/);
          if (body.items) expect(body.items, 'an example that finds nothing shows nothing').to.not.be.empty;
          if (method !== 'get') return;
          const etag = response.headers.get('etag') ?? '';
          const again = await fetch(response.url, { headers: { 'if-none-match': etag } });
          expect([again.status, await again.text()]).to.deep.equal([304, '']);
        });
      }
    }

    it(`holds at least ${records} records, read page by page without gap or repetition`, async () => {
      const path = Object.keys(document.paths)[0] ?? '';
      const first = (await (await fetch(`${base}${path}?limit=100`)).json()) as { items: unknown[]; total: number; next_offset: number };
      const second = (await (await fetch(`${base}${path}?limit=100&offset=${first.next_offset}`)).json()) as { items: unknown[] };
      const last = (await (await fetch(`${base}${path}?limit=100&offset=${first.total - 1}`)).json()) as { items: unknown[]; next_offset: null };
      expect(first.total).to.be.at.least(records);
      expect(new Set([...first.items, ...second.items].map((item) => JSON.stringify(item))).size).to.equal(first.items.length + second.items.length);
      expect([last.items.length, last.next_offset]).to.deep.equal([1, null]);
    });

    it('answers what is not there with 404 and what makes no sense with 422, as problem+json', async () => {
      const path = Object.keys(document.paths)[0] ?? '';
      for (const [target, status] of [
        [missing, 404],
        ['/v2/nothing', 404],
        [wrong, 422],
      ] as const) {
        const response = await fetch(`${base}${target}`);
        expect(response.status, target).to.equal(status);
        expect(response.headers.get('content-type')).to.equal('application/problem+json');
        const body = (await response.json()) as { errors?: unknown[] };
        expect(faultsOf({ path, method: 'get', status: 422, type: 'application/problem+json' }, body)).to.equal('');
        if (status === 422) expect(body.errors).to.not.be.empty;
      }
    });

    it('refuses a method it does not know, a body that is not JSON and one that is too large', async () => {
      const post = upstream.operations.find(({ method }) => method === 'POST')?.path ?? '';
      const json = { method: 'POST', headers: { 'content-type': 'application/json' } };
      const statuses = await Promise.all([
        fetch(`${base}${post}`, { method: 'DELETE' }),
        fetch(`${base}${post}`, { ...json, body: '{' }),
        fetch(`${base}${post}`, { ...json, body: '{}' }),
        fetch(`${base}${post}`, { ...json, body: 'null' }),
        fetch(`${base}${post}`, { method: 'POST', body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
        fetch(`${base}${post}`, { ...json, body: JSON.stringify({ filler: 'x'.repeat(70_000) }) }),
      ]);
      expect(statuses.map(({ status }) => status)).to.deep.equal([405, 400, 422, 422, 415, 413]);
    });
  });
}
