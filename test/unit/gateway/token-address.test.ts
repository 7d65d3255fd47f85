import { createSecretKey } from 'node:crypto';
import { expect } from 'chai';
import { openCall, type Call, type Fields } from '../../../server/gateway/call.ts';
import type { BodyBuffers } from '../../../server/gateway/body.ts';
import type { Caller } from '../../../server/gateway/front/caller.ts';
import { makeTokenAddress } from '../../../server/gateway/filters/token-address.ts';
import type { Attempts } from '../../../server/gateway/ports.ts';
import type { Table } from '../../../server/gateway/table.ts';

const SECRET = 'tgs_right';
const PATH = '/v1/apigw/oauth2/token';

/** As Redis counts: one request after the other, in the order in which they were sent, and every answer takes a while. */
function distant(points: number): Attempts {
  const counted = new Map<string, number>();
  let before: Promise<unknown> = Promise.resolve();
  const sent = (run: () => number): Promise<number> => {
    const answer = before.then(run);
    before = answer.then(() => new Promise((resolve) => setImmediate(resolve)));
    return answer;
  };
  return {
    count: (key, add = 1) =>
      sent(() => {
        const now = (counted.get(key) ?? 0) + add;
        counted.set(key, now);
        return now > points ? 60 : 0;
      }),
    waiting: (key) => sent(() => ((counted.get(key) ?? 0) >= points ? 60 : 0)),
  };
}

describe('the token address', () => {
  const world = ({ credential = 10, address = 60 } = {}) => {
    const settings = { gatewayId: 'gw_1', path: PATH, keyId: 'k1', key: () => Buffer.alloc(32, 1), accessSeconds: 60, refreshSeconds: 120, maintenance: false };
    const table = {
      tokenSettings: new Map([['demo', settings]]),
      groups: new Map([['demo', new Map()]]),
      byAppKey: new Map(
        Array.from({ length: 20 }, (_, index) => [
          `key_${index}`,
          { row: { id: `crd_${index}`, notAfter: null }, secret: () => createSecretKey(Buffer.from(SECRET)) },
        ]),
      ),
    } as unknown as Table;
    const bodies = new Map<Call, string>();
    const filter = makeTokenAddress({
      table: () => table,
      domain: '',
      buffers: { read: (call: Call) => Promise.resolve(Buffer.from(bodies.get(call) ?? '')) } as unknown as BodyBuffers,
      onUnknown: () => undefined,
      realNow: () => 1_000_000,
      attempts: { credential: distant(credential), address: distant(address) },
    });
    return async (key: number, secret: string, clientAddress = '192.0.2.1'): Promise<number> => {
      const statuses: number[] = [];
      const rawHeaders = ['Content-Type', 'application/x-www-form-urlencoded'];
      const caller = {
        method: 'POST',
        rawHeaders,
        address: '127.0.0.1',
        destroyed: false,
        complete: true,
        answer: (status: number) => void statuses.push(status),
      };
      const call = openCall('call_1', caller as unknown as Caller, { forwardedProto: '' } as Fields, 0, 0, null, { address: null, trustedHops: 0 });
      call.target = { path: `/demo${PATH}`, segments: ['demo', ...PATH.slice(1).split('/')], query: '' };
      call.clientAddress = clientAddress;
      const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: `key_${key}`, client_secret: secret }).toString();
      bodies.set(call, body);
      call.contentLength = body.length;
      await filter(call);
      return statuses[0] ?? 0;
    };
  };
  const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
  const tally = (statuses: readonly number[]) => Object.fromEntries([200, 401, 429].map((status) => [status, statuses.filter((one) => one === status).length]));

  it('tells of 50 guesses at once no more than ten, the right one among them included', async () => {
    const guess = world();
    const statuses = await Promise.all(times(50, (index) => guess(0, index === 30 ? SECRET : `wrong ${index}`)));
    expect(statuses[30]).to.equal(429);
    expect(tally(statuses)).to.deep.equal({ 200: 0, 401: 10, 429: 40 });
  });

  it('counts what comes from one IPv6 network together, and other networks apart', async () => {
    const guess = world();
    const statuses = await Promise.all(times(50, (index) => guess(0, index === 49 ? SECRET : 'wrong', `2001:db8:1:2::${index + 1}`)));
    expect(tally(statuses)).to.deep.equal({ 200: 0, 401: 10, 429: 40 });
    expect(await guess(0, SECRET, '2001:db8:1:3::1')).to.equal(200);
  });

  it('counts one address in the whole, whatever the keys', async () => {
    const guess = world();
    const statuses = await Promise.all(times(140, (index) => guess(index % 20, index === 139 ? SECRET : 'wrong')));
    expect(tally(statuses)).to.deep.equal({ 200: 0, 401: 60, 429: 80 });
  });

  it('refuses nobody who knows the secret, however many ask at once', async () => {
    const guess = world();
    expect(tally(await Promise.all(times(200, () => guess(0, SECRET))))).to.deep.equal({ 200: 200, 401: 0, 429: 0 });
  });
});
