import { expect } from 'chai';
import { headerName, limitHeaders, nominated, passedToCaller, passedToUpstream, usageCost } from '../../../server/domain/headers.ts';

const pairs = (flat: string[]) => Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]]] : [])));

describe('headers for the provider', () => {
  it('pass end-to-end fields as they were spelled, repeats included', () => {
    const raw = ['Accept', 'a/b', 'X-Own', '1', 'x-own', '2', 'If-None-Match', '"e"'];
    expect(passedToUpstream(raw, null, null)).to.deep.equal(raw);
  });
  it('never hold what is hop-by-hop, reserved, a credential, written with underscores or named in Connection', () => {
    const raw = [
      'Connection',
      'close, X-Secret',
      'X-Secret',
      's',
      'TE',
      'trailers',
      'Trailer',
      'x',
      'Upgrade',
      'h2c',
      'HTTP2-Settings',
      'x',
      'Keep-Alive',
      '1',
      'Expect',
      '100-continue',
      'Proxy-Authorization',
      'x',
      'X-Forwarded-For',
      '1.1.1.1',
      'Forwarded',
      'for=1',
      'X-Real-IP',
      '1',
      'X-Forwarded-Host',
      'e',
      'X-Consumer-Id',
      'v',
      'X_Consumer_Id',
      'v',
      'X-Apig-Mode',
      'debug',
      'X-Usage',
      'requests=0',
      'Usage-Cost',
      '0',
      'Authorization',
      'x',
      'Cookie',
      'c',
      'X-Apig-AppCode',
      'x',
      'X-Sdk-Date',
      'x',
      'apikey',
      'x',
      'X-Request-Id',
      'x',
      'X-HTTP-Method-Override',
      'DELETE',
      'Content-Length',
      '3',
      'Host',
      'h',
      'X-Stage',
      'RELEASE',
    ];
    expect(passedToUpstream(raw, nominated('close, X-Secret'), null)).to.deep.equal([]);
  });
  it('hold a credential header only if the API declares it', () => {
    const raw = ['Authorization', 'Basic x', 'Cookie', 'c=1'];
    expect(passedToUpstream(raw, null, new Set(['cookie']))).to.deep.equal(['Cookie', 'c=1']);
  });
  it('are classified alike whatever the case', () => {
    for (const name of ['SET-COOKIE', 'Set-cookie']) expect(headerName(name).response).to.equal('reserved');
    expect(nominated('keep-alive')).to.equal(null);
  });
});

describe('headers for the caller', () => {
  it('never hold what would change the gateway’s host for others, nor what only the gateway says', () => {
    const raw = [
      'Set-Cookie',
      'a=1',
      'Strict-Transport-Security',
      'x',
      'Clear-Site-Data',
      '"*"',
      'Service-Worker-Allowed',
      '/',
      'Alt-Svc',
      'x',
      'X-Usage',
      'tokens=3',
      'X-Usage-Details',
      'x',
      'RateLimit',
      'x',
      'X-RateLimit-Limit',
      '1',
      'Usage-Cost',
      '0',
      'X-Request-Id',
      'x',
      'Connection',
      'X-Hop',
      'X-Hop',
      '1',
      'Transfer-Encoding',
      'chunked',
      'Content-Length',
      '3',
      'Trailer',
      'x',
      'ETag',
      '"e"',
      'Content-Type',
      'text/plain',
    ];
    expect(passedToCaller(raw)).to.deep.equal(['ETag', '"e"', 'Content-Type', 'text/plain']);
  });
});

describe('limit headers', () => {
  const now = Date.parse('2026-11-30T00:00:00Z');
  const quota = { limit: 500, remaining: 499, resetAt: now + 86_400_000, hard: true, windowSeconds: 2_678_400 };
  it('name every policy, and in X-RateLimit the one nearest its end', () => {
    expect(pairs(limitHeaders({ quota, rate: { calls: 10, seconds: 1, remaining: 9 } }, now))).to.deep.equal({
      'RateLimit-Policy': '"plan";q=500;w=2678400, "rate";q=10;w=1',
      RateLimit: '"plan";r=499;t=86400, "rate";r=9;t=1',
      'X-RateLimit-Limit': '10',
      'X-RateLimit-Remaining': '9',
      'X-RateLimit-Reset': '1',
      'Usage-Remaining': 'requests=499',
    });
  });
  it('count the seconds to the end of the running stretch of a rate', () => {
    expect(pairs(limitHeaders({ quota: null, rate: { calls: 10, seconds: 60, remaining: 0 } }, now + 48_500))).to.deep.include({
      RateLimit: '"rate";r=0;t=12',
      'X-RateLimit-Reset': '12',
    });
  });
  it('say nothing where there is no limit, and only the one there is', () => {
    expect(limitHeaders({ quota: null, rate: null }, now)).to.deep.equal([]);
    expect(pairs(limitHeaders({ quota, rate: null }, now))).to.deep.include({
      'RateLimit-Policy': '"plan";q=500;w=2678400',
      RateLimit: '"plan";r=499;t=86400',
      'X-RateLimit-Reset': '86400',
    });
    expect(pairs(limitHeaders({ quota: null, rate: { calls: 10, seconds: 1, remaining: 0 } }, now))).to.not.have.property('Usage-Remaining');
  });
  it('write the cost in its fixed form', () => {
    expect(usageCost('0.35', 'usd', 1)).to.equal('0.35;currency=usd;units=1');
  });
});
