import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** Certificates made by hand in DER, so that no test needs a tool: an authority, and what it signs. */
export interface Made {
  readonly certificate: string;
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly name: string;
}

export interface CertificateOptions {
  readonly issuer?: Made;
  readonly authority?: boolean;
  /** Address that a server's certificate is good for. */
  readonly address?: readonly [number, number, number, number];
  /** Epoch ms. */
  readonly from?: number;
  readonly until?: number;
  /** An RSA key of so many bits; left out: a key of the curve P-256. */
  readonly rsaBits?: number;
}

const DAY_MS = 86_400_000;
let serial = 1;

export function makeCertificate(name: string, { issuer, authority = false, address, from, until, rsaBits }: CertificateOptions = {}): Made {
  const { privateKey, publicKey } = rsaBits ? generateKeyPairSync('rsa', { modulusLength: rsaBits }) : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const extensions = [
    extension('551d13', sequence(authority ? [Buffer.from([1, 1, 0xff])] : [])),
    ...(address ? [extension('551d11', sequence([tlv(0x87, Buffer.from(address))]))] : []),
  ];
  const body = sequence([
    tlv(0xa0, integer(2)),
    integer((serial += 1)),
    SHA256_ECDSA,
    nameOf(issuer?.name ?? name),
    sequence([time(from ?? now - DAY_MS), time(until ?? now + 365 * DAY_MS)]),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(extensions)),
  ]);
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey);
  const der = sequence([body, SHA256_ECDSA, tlv(0x03, Buffer.concat([Buffer.from([0]), signature]))]);
  return { certificate: pem('CERTIFICATE', der), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, privateKey, name };
}

/** Lines of 64 characters, and no empty one behind a last line that is full. */
const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`;

function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const head = length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), value]);
}
const sequence = (parts: readonly Buffer[]): Buffer => tlv(0x30, Buffer.concat(parts));
const integer = (value: number): Buffer => tlv(0x02, Buffer.from([value]));
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));
const SHA256_ECDSA = sequence([oid('2a8648ce3d040302')]);
const nameOf = (name: string): Buffer => sequence([tlv(0x31, sequence([oid('550403'), tlv(0x0c, Buffer.from(name))]))]);
const extension = (id: string, value: Buffer): Buffer => sequence([oid(id), tlv(0x04, value)]);
const time = (at: number): Buffer => tlv(0x17, Buffer.from(`${new Date(at).toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));
