import { expect } from 'chai';
import { generateKeyPairSync } from 'node:crypto';
import {
  GATEWAY_SECRETS_MAX,
  certificateFault,
  keptSecrets,
  openGatewaySecret,
  readClientCertificate,
  sealGatewaySecret,
} from '../../../server/domain/gateway-secrets.ts';
import { makeCertificate } from '../../support/certificates.ts';

const DAY_MS = 86_400_000;
const RING = [{ id: 'k1', key: Buffer.alloc(32, 7) }];

describe('client certificates', () => {
  const now = Date.now();
  const authority = makeCertificate('Our authority', { authority: true });
  const client = makeCertificate('client', { issuer: authority });
  const faults = (typed: Partial<{ ca: string; certificate: string; key: string }>) => {
    const reading = readClientCertificate({ ca: '', certificate: client.certificate, key: client.key, ...typed }, now);
    return 'faults' in reading ? reading.faults : null;
  };

  it('are read with those above them, and described without the key', () => {
    const reading = readClientCertificate({ ca: authority.certificate, certificate: client.certificate + authority.certificate, key: ` ${client.key}\n` }, now);
    if ('faults' in reading) throw new Error(JSON.stringify(reading.faults));
    expect(reading.described).to.deep.include({ subject: 'CN=client', issuer: 'CN=Our authority' });
    expect(reading.described.expiresAt).to.be.within(now + 364 * DAY_MS, now + 366 * DAY_MS);
    expect(reading.certificate.match(/BEGIN CERTIFICATE/g)).to.have.length(2);
    expect(JSON.stringify(reading.described)).not.to.match(/PRIVATE|BEGIN/);
  });

  it('are refused beside the field: expired, not yet valid, of another key, damaged, encrypted, swapped, missing', () => {
    const of = (from: number, until: number) => makeCertificate('c', { issuer: authority, from: now + from, until: now + until });
    const [expired, future, other] = [of(-9 * DAY_MS, -1 * DAY_MS), of(DAY_MS, 9 * DAY_MS), makeCertificate('other')];
    expect(faults({})).to.equal(null);
    expect(faults({ certificate: expired.certificate, key: expired.key })?.certificate).to.match(/has expired/);
    expect(faults({ certificate: future.certificate, key: future.key })?.certificate).to.match(/not valid yet/);
    expect(faults({ key: other.key })?.key).to.match(/does not belong/);
    expect(faults({ certificate: client.certificate.replace(/\n.{20}/, '\n') })?.certificate).to.match(/cannot be read/);
    expect(faults({ certificate: client.key })?.certificate).to.match(/private key was pasted/);
    expect(faults({ key: client.certificate })?.key).to.match(/PEM/);
    expect(faults({ certificate: '', key: '' })).to.have.keys('certificate', 'key');
    expect(faults({ certificate: `${client.certificate}junk` })?.certificate).to.match(/PEM alone/);
    expect(faults({ certificate: client.certificate.repeat(11) })?.certificate).to.match(/At most/);
    expect(faults({ ca: expired.certificate })?.ca).to.match(/expired/);
    expect(faults({ ca: 'x' })?.ca).to.match(/PEM/);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const encrypted = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' }) as string;
    expect(faults({ key: encrypted })?.key).to.match(/passphrase/);
  });

  it('are sealed for one gateway and one id', () => {
    const sealed = sealGatewaySecret(RING, 'gw_1', 'sec_1', 'the key', Buffer.alloc(12, 1));
    expect(openGatewaySecret(RING, 'gw_1', 'sec_1', { sealed })).to.equal('the key');
    expect(openGatewaySecret(RING, 'gw_2', 'sec_1', { sealed })).to.equal(null);
    expect(openGatewaySecret(RING, 'gw_1', 'sec_2', { sealed })).to.equal(null);
    expect(openGatewaySecret([], 'gw_1', 'sec_1', { sealed })).to.equal(null);
  });

  it('are kept while in use, and the newest of the others', () => {
    const all = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`sec_${at}`, { sealed: '', certificate: '', ca: '', at }]));
    const kept = Object.keys(keptSecrets(all, new Set(['sec_0'])));
    expect(kept).to.have.length(GATEWAY_SECRETS_MAX + 1);
    expect(kept).to.include.members(['sec_0', 'sec_29', 'sec_20']).and.not.include('sec_19');
    expect(Object.keys(keptSecrets(all, new Set(['sec_0']), 0))).to.deep.equal(['sec_0']);
  });

  it('leave a cause for the provider, and nothing where it was something else', () => {
    const fault = (code: string, message = '') => Object.assign(new Error(message), { code });
    expect(certificateFault(fault('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), false)).to.match(/may ask for a client certificate/);
    expect(certificateFault(new Error('x', { cause: fault('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA') }), true)).to.match(/refused the client certificate/);
    expect(certificateFault(fault('DEPTH_ZERO_SELF_SIGNED_CERT'), true)).to.match(/not trusted/);
    expect(certificateFault(fault('ECONNREFUSED'), true)).to.equal(null);
    expect(certificateFault(fault('ECONNRESET'), true)).to.match(/do not accept a client certificate/);
    expect(certificateFault(fault('ECONNRESET'), false)).to.equal(null);
    expect(certificateFault('nothing', true)).to.equal(null);
  });
});
