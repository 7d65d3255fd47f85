import { createHash, createHmac } from 'node:crypto';
import { expect } from 'chai';
import { hmacKey } from '../../../server/domain/hmac.ts';
import fc from 'fast-check';
import {
  ALGORITHM,
  EMPTY_SHA256,
  UNSIGNED_PAYLOAD,
  canonicalQuery,
  canonicalUri,
  dateFault,
  readClaim,
  readSdkDate,
  signatureFault,
  type SignatureClaim,
} from '../../../server/domain/signature.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const DATE = '20060102T150405Z';
const claimOf = (signature: string, headers = 'x-sdk-date') =>
  readClaim(`${ALGORITHM} Access=AccessKey, SignedHeaders=${headers}, Signature=${signature}`) as SignatureClaim;
const sign = (canonical: string, date = DATE) =>
  createHmac('sha256', 'SecretKey')
    .update(`${ALGORITHM}\n${date}\n${sha256(canonical)}`)
    .digest('hex');

describe('the official vectors', () => {
  it('GET with a query and an empty body', () => {
    const request = { method: 'GET', rawPath: '/path', rawQuery: 'limit=1', rawHeaders: ['X-Sdk-Date', DATE] };
    const terms = { date: DATE, payload: EMPTY_SHA256, bodyEmpty: true, secret: hmacKey('SecretKey') };
    expect(signatureFault(claimOf('5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624'), request, terms)).to.equal(null);
  });
  it('POST with a body', () => {
    const request = { method: 'POST', rawPath: '/path', rawQuery: 'key=value', rawHeaders: ['X-Sdk-Date', DATE] };
    const terms = { date: DATE, payload: sha256('{"Name":"test","Id":1}\n'), bodyEmpty: false, secret: hmacKey('SecretKey') };
    expect(signatureFault(claimOf('cecc2af119b18ab70b4d094c0750f3b42c02f254903179a0fc2cc72fc9db4f59'), request, terms)).to.equal(null);
  });
  it('host among the signed headers, query keys in another order', () => {
    const date = '20191111T093443Z';
    const request = { method: 'GET', rawPath: '/app1', rawQuery: 'b=2&a=1', rawHeaders: ['Host', 'api.example.com', 'X-Sdk-Date', date] };
    const claim = claimOf('62c30a953cc0036094ed5c123c9924a147cc07414b60ce9dad7075a0c9d91672', 'host;x-sdk-date');
    expect(signatureFault(claim, request, { date, payload: EMPTY_SHA256, bodyEmpty: true, secret: hmacKey('SecretKey') })).to.equal(null);
  });
  it('the query as the Go signer writes it', () => {
    const query = 'limit=1&enable=true&test=%E4%B8%80%20(%26%3D%3F!%23%25.*)&path=/a/123&multi=3&multi=1&multi=2';
    expect(canonicalQuery(query)).to.equal('enable=true&limit=1&multi=1&multi=2&multi=3&path=%2Fa%2F123&test=%E4%B8%80%20%28%26%3D%3F%21%23%25.%2A%29');
    expect(canonicalQuery('b&a=+x&&')).to.equal('a=%20x&b=');
  });
});

describe('signatures', () => {
  const request = {
    method: 'GET',
    rawPath: '/a%20b/é'.replace('é', '%C3%A9'),
    rawQuery: '',
    rawHeaders: ['Host', 'h', 'X-Sdk-Date', DATE, 'Cookie', 'private'],
  };
  const terms = { date: DATE, payload: EMPTY_SHA256, bodyEmpty: true, secret: hmacKey('SecretKey') };
  const canonical = (uri: string, payload = EMPTY_SHA256) => `GET\n${uri}\n\nhost:h\nx-sdk-date:${DATE}\n\nhost;x-sdk-date\n${payload}`;

  it('fit the path as written, encoded once more, or escaped by the parser and then encoded', () => {
    for (const uri of ['/a%20b/%C3%A9/', '/a%2520b/%25C3%25A9/', '/a%2520b/%C3%A9/'])
      expect(signatureFault(claimOf(sign(canonical(uri)), 'host;x-sdk-date'), request, terms), uri).to.equal(null);
    expect(signatureFault(claimOf(sign(canonical('/a b/é/')), 'host;x-sdk-date'), request, terms)).to.be.a('string');
    expect(canonicalUri('/a/')).to.equal('/a/');
  });
  it('fit the empty hash beside UNSIGNED-PAYLOAD only with an empty body', () => {
    const claim = claimOf(sign(canonical('/a%20b/%C3%A9/')), 'host;x-sdk-date');
    expect(signatureFault(claim, request, { ...terms, payload: UNSIGNED_PAYLOAD })).to.equal(null);
    expect(signatureFault(claim, request, { ...terms, payload: UNSIGNED_PAYLOAD, bodyEmpty: false })).to.be.a('string');
  });
  it('tell on a mismatch our canonical request, with | for newlines and without credentials', () => {
    const fault = signatureFault(claimOf('0'.repeat(64), 'cookie;host;x-sdk-date'), request, terms) ?? '';
    expect(fault).to.contain(`GET|/a%20b/%C3%A9/||cookie:[hidden]|host:h|x-sdk-date:${DATE}||cookie;host;x-sdk-date|${EMPTY_SHA256}`);
    expect(fault).to.not.contain('private');
    expect(signatureFault(claimOf('0'.repeat(64), 'x-not-sent'), request, terms)).to.contain('x-not-sent');
  });
  it('are hashed over header bytes as sent', () => {
    const bytes = Buffer.from('grün 一', 'utf8').toString('latin1');
    const raw = { ...request, rawHeaders: ['X-Name', ` ${bytes} `] };
    const signature = sign(`GET\n/a%20b/%C3%A9/\n\nx-name:grün 一\n\nx-name\n${EMPTY_SHA256}`);
    expect(signatureFault(claimOf(signature, 'x-name'), raw, terms)).to.equal(null);
  });
  it('fit headers listed in any order, sent in pieces, or listed twice', () => {
    const raw = { ...request, rawHeaders: ['Host', 'h', 'X-Part', 'one', 'X-Sdk-Date', DATE, 'x-part', 'two'] };
    const lines = (names: string) => `GET\n/a%20b/%C3%A9/\n\nhost:h\nx-part:one,two\nx-sdk-date:${DATE}\n\n${names}\n${EMPTY_SHA256}`;
    for (const names of ['host;x-part;x-sdk-date', 'x-sdk-date;host;x-part'])
      expect(signatureFault(claimOf(sign(lines(names)), names), raw, terms), names).to.equal(null);
    const twice = `GET\n/a%20b/%C3%A9/\n\nhost:h\nhost:h\n\nhost;host\n${EMPTY_SHA256}`;
    expect(signatureFault(claimOf(sign(twice), 'host;host'), raw, terms)).to.equal(null);
  });
  it('change with every part they cover', () => {
    const change = fc.constantFrom('method', 'rawPath', 'rawQuery', 'header', 'payload', 'date', 'secret');
    fc.assert(
      fc.property(change, fc.stringMatching(/^[a-z]{1,8}$/), (part, text) => {
        const claim = claimOf(sign(canonical('/a%20b/%C3%A9/')), 'host;x-sdk-date');
        const changed = {
          ...request,
          ...(part === 'method' && { method: `GET${text}` }),
          ...(part === 'rawPath' && { rawPath: `${request.rawPath}/${text}` }),
          ...(part === 'rawQuery' && { rawQuery: text }),
          ...(part === 'header' && { rawHeaders: ['Host', `h${text}`, 'X-Sdk-Date', DATE] }),
        };
        const other = {
          ...terms,
          ...(part === 'payload' && { payload: sha256(text) }),
          ...(part === 'date' && { date: `${text}` }),
          ...(part === 'secret' && { secret: hmacKey(`SecretKey${text}`) }),
        };
        return signatureFault(claim, changed, other) !== null;
      }),
    );
  });
});

describe('a claim', () => {
  it('names an algorithm that is refused by its name when it is another one', () => {
    for (const other of ['SDK-HMAC-SM3', 'SDK-ECDSA-P256-SHA256', 'SDK-SM2-SM3', 'V11-HMAC-SHA256'])
      expect(readClaim(`${other} Access=AccessKey`)).to.deep.include({ fault: `The algorithm ${other} is not supported; sign with ${ALGORITHM}.` });
  });
  it('is refused when a part is missing, doubled or malformed', () => {
    const whole = ['Access=AccessKey', 'SignedHeaders=host', `Signature=${'0'.repeat(64)}`];
    const claim = { appKey: 'AccessKey', signedHeaders: ['host'], signature: '0'.repeat(64) };
    // As the official signers write it, and as others may.
    for (const text of [whole.join(', '), whole.toReversed().join(','), whole.join(' ,  ').replace('=host', '=Host;')])
      expect(readClaim(`${ALGORITHM} ${text}`), text).to.deep.equal(claim);
    const many = Array.from({ length: 101 }, (_, n) => `h${n}`).join(';');
    expect(readClaim(`${ALGORITHM} Access=AccessKey, SignedHeaders=${many}, Signature=${'0'.repeat(64)}`)).to.have.property('fault');
    for (const parts of [
      whole.slice(1),
      whole.slice(0, 2),
      [...whole, whole[0]],
      ['Access=a b c d e f g', ...whole.slice(1)],
      [...whole.slice(0, 2), 'Signature=xyz'],
    ])
      expect(readClaim(`${ALGORITHM} ${parts.join(', ')}`), parts.join()).to.have.property('fault');
  });
  it('is 15 minutes fresh, either way, and the fault tells both times', () => {
    const now = readSdkDate('20060102T151905Z');
    expect(dateFault(DATE, now)).to.equal(null);
    expect(dateFault(DATE, now + 61_000)).to.equal('signature expired, signature time:20060102T150405Z, server time:20060102T152006Z');
    expect(dateFault('20060102T153406Z', now)).to.contain('signature expired');
    expect(dateFault('yesterday', now)).to.contain('X-Sdk-Date');
  });
});
