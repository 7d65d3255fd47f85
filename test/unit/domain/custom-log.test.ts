import { expect } from 'chai';
import fc from 'fast-check';
import { LOG_BYTES_MAX, LOG_FIELDS_MAX, logFields, loggedValues, readLogFields } from '../../../server/domain/custom-log.ts';
import { credentialBytes, credentialValue } from '../../../server/domain/credential.ts';

const fieldsOf = (typed: string) => {
  const reading = readLogFields(typed);
  if ('fault' in reading) throw new Error(reading.fault);
  return logFields(reading.value);
};

describe('custom_log', () => {
  it('takes fields between commas or on lines, headers in lower case, and reads what it stored', () => {
    expect(readLogFields(' header:User-Agent,\nquery: page \n cookie:Theme')).to.deep.equal({ value: 'header:user-agent, query:page, cookie:Theme' });
    expect(fieldsOf('header:User-Agent, query:author')).to.deep.equal([
      { in: 'header', name: 'user-agent' },
      { in: 'query', name: 'author' },
    ]);
    expect(readLogFields('')).to.deep.equal({ value: '' });
    expect(logFields('')).to.deep.equal([]);
  });

  it('refuses more than ten, names that are none, and the same twice', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => `query:q${i}`).join(',');
    expect(readLogFields(many(LOG_FIELDS_MAX))).to.have.key('value');
    for (const typed of [many(LOG_FIELDS_MAX + 1), 'user-agent', 'body:x', 'query:', 'query:a b', 'header:é', `query:${'q'.repeat(65)}`, 'query:a, query:a'])
      expect(readLogFields(typed), typed).to.have.key('fault');
    expect(readLogFields('query:a, header:a, cookie:a, cookie:A')).to.have.key('value');
  });

  it('refuses whatever may hold a credential, and leaves it out where an earlier rule let it in', () => {
    for (const name of [
      'header:Authorization',
      'header:Proxy-Authorization',
      'header:X-Apig-AppCode',
      'header:apikey',
      'header:X-HW-AppKey',
      'header:X-HW-ID',
      'header:X-Sdk-Date',
      'header:X-Auth-Token',
      'header:Cookie',
      'header:X-Api-Key',
      'header:X-Session-Id',
      'query:apikey',
      'query:access_token',
      'query:client_secret',
      'query:password',
      'query:code',
      'query:X-Amz-Signature',
      'query:key',
      'query:sig',
      'query:pin',
      'header:X-Key',
      'header:X-Bearer',
      'cookie:session',
      'cookie:PHPSESSID',
      'cookie:connect.sid',
      'cookie:sid',
      'cookie:__Host-tollgate',
      'cookie:jwt',
      'cookie:XSRF-TOKEN',
    ]) {
      expect(readLogFields(name), name).to.have.key('fault');
      expect(logFields(name.toLowerCase()), name).to.deep.equal([]);
    }
  });

  it('keeps values visible, bounded and without a credential of ours', () => {
    const secret = credentialValue('app-code', Buffer.alloc(credentialBytes('app-code'), 3));
    const values = loggedValues(fieldsOf('query:a, query:b, query:c, query:d'), ({ name }) =>
      name === 'a' ? 'x\r\n{"n":1}\u202e' : name === 'b' ? `see ${secret}!` : name === 'c' ? null : '',
    );
    expect(values).to.deep.equal({ 'query:a': 'x\\u000d\\u000a{"n":1}\\u202e', 'query:b': 'see [credential]!', 'query:d': '' });
    expect(loggedValues(fieldsOf('query:a'), () => null)).to.equal(null);
  });

  it('never keeps more than 2 KB a call, and cuts between characters', () => {
    const fields = fieldsOf(Array.from({ length: 10 }, (_, i) => `query:q${i}`).join(','));
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 3_000 }), { minLength: 10, maxLength: 10 }), (given) => {
        const values = loggedValues(fields, ({ name }) => given[Number(name.slice(1))] ?? null) ?? {};
        const bytes = Object.values(values).reduce((sum, value) => sum + Buffer.byteLength(value), 0);
        return bytes <= LOG_BYTES_MAX && Object.values(values).every((value) => !/[\u0000-\u001f]/.test(value));
      }),
      { numRuns: 200 },
    );
    const cut = loggedValues(fieldsOf('query:a, query:b'), ({ name }) => (name === 'a' ? 'é'.repeat(2_000) : 'rest'))?.['query:a'] ?? '';
    expect(cut.endsWith('é…')).to.equal(true);
  });
});
