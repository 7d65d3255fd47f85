import { expect } from 'chai';
import { domainOf, isMultiFactor, readDomain, readIssuer } from '../../../server/domain/sign-on.ts';

describe('single sign-on', () => {
  it('reads a domain in one spelling, and takes nothing that is none', () => {
    for (const [text, domain] of [
      ['Example.COM', 'example.com'],
      [' @example.com. ', 'example.com'],
      ['mail.example.co.uk', 'mail.example.co.uk'],
      ['münchen.example', 'xn--mnchen-3ya.example'],
    ] as const)
      expect(readDomain(text), text).to.equal(domain);
    for (const text of [
      '',
      'example',
      '*.example.com',
      'a b.com',
      'x@example.com',
      'example.com/x',
      'example.com:80',
      '127.0.0.1',
      '[::1]',
      '-a.com',
      `${'a'.repeat(64)}.com`,
      'a..com',
      'exa%6dple.com',
    ])
      expect(readDomain(text), text).to.equal(null);
    expect(domainOf('Ann@Example.com')).to.equal('example.com');
    expect(domainOf('"a@b.example"@evil.example')).to.equal('evil.example');
  });

  it('takes an issuer as it is written, over https, at a public address unless it is excepted', () => {
    const allow = new Set(['127.0.0.1:9000']);
    for (const issuer of ['https://login.example.com', 'https://login.example.com/', 'https://login.example.com/tenants/1', 'http://127.0.0.1:9000'])
      expect(readIssuer(issuer, allow)).to.deep.equal({ issuer });
    for (const text of [
      '',
      'login.example.com',
      'http://login.example.com',
      'https://10.0.0.1',
      'https://127.0.0.1:9001',
      'http://127.0.0.1:9001',
      'https://login.example.com?x',
      'https://login.example.com#x',
      'https://u:p@login.example.com',
      'ftp://login.example.com',
      'https://intranet',
      'https://login.example.com:22',
    ])
      expect(readIssuer(text, allow), text).to.have.property('fault').that.is.a('string');
  });

  it('counts two factors where the issuer names methods of two kinds', () => {
    for (const amr of [['mfa'], ['pwd', 'otp'], ['pin', 'hwk'], ['fpt', 'swk'], ['pwd', 'mfa']]) expect(isMultiFactor(amr), amr.join()).to.equal(true);
    for (const amr of [[], ['pwd'], ['pwd', 'pin'], ['otp', 'sms'], ['user'], undefined, 'mfa', null, [['mfa']], { 0: 'mfa' }])
      expect(isMultiFactor(amr), String(amr)).to.equal(false);
  });
});
