import { headerName } from '../domain/headers.ts';
import { AppError } from '../kernel/errors.ts';
import type { Call, Fields } from './call.ts';

type Slot = Exclude<keyof Fields, 'fault' | 'bytes'>;

/** Where a header's value goes, and whether it may be sent twice. */
const SLOTS = new Map<string, { readonly slot: Slot; readonly many: boolean }>([
  ['accept', { slot: 'accept', many: true }],
  ['access-control-request-headers', { slot: 'requestedHeaders', many: true }],
  ['access-control-request-method', { slot: 'requestedMethod', many: false }],
  ['apikey', { slot: 'apiKey', many: false }],
  ['authorization', { slot: 'authorization', many: false }],
  ['connection', { slot: 'connection', many: true }],
  ['content-length', { slot: 'contentLength', many: false }],
  ['expect', { slot: 'expect', many: false }],
  ['host', { slot: 'host', many: false }],
  ['origin', { slot: 'origin', many: false }],
  ['transfer-encoding', { slot: 'transferEncoding', many: false }],
  ['upgrade', { slot: 'upgrade', many: true }],
  ['x-apig-appcode', { slot: 'appCode', many: false }],
  ['x-apig-mode', { slot: 'mode', many: false }],
  ['x-forwarded-for', { slot: 'forwardedFor', many: true }],
  ['x-forwarded-proto', { slot: 'forwardedProto', many: true }],
  ['x-sdk-content-sha256', { slot: 'sdkContentSha256', many: false }],
  ['x-sdk-date', { slot: 'sdkDate', many: false }],
  ['x-stage', { slot: 'stage', many: false }],
]);

/** Read in one pass what the filters need. A header that must stand once and stands twice is a fault (two readers would take different ones). */
export function readFields(rawHeaders: readonly string[]): Fields {
  const fields: Fields = {
    host: '',
    connection: '',
    contentLength: '',
    transferEncoding: '',
    expect: '',
    upgrade: '',
    authorization: '',
    appCode: '',
    apiKey: '',
    sdkDate: '',
    sdkContentSha256: '',
    stage: '',
    accept: '',
    origin: '',
    requestedMethod: '',
    requestedHeaders: '',
    forwardedFor: '',
    forwardedProto: '',
    mode: '',
    fault: '',
    bytes: 0,
  };
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    fields.bytes += name.length + value.length + 4;
    const { lower } = headerName(name);
    const place = SLOTS.get(lower);
    if (place === undefined) continue;
    const before = fields[place.slot];
    if (!place.many && value === '') fields.fault = `The header ${lower} must not be empty.`;
    else if (before === '') fields[place.slot] = value;
    else if (place.many) fields[place.slot] = `${before}, ${value}`;
    else fields.fault = `The header ${lower} must be sent once.`;
  }
  return fields;
}

/**
 * A header that few calls bring, looked for only where a parameter makes it count; empty when it is absent.
 * @param lower  its name in lower case
 * @throws AppError invalid-request when it is sent twice
 */
export function headerOnce({ caller: { rawHeaders } }: Call, lower: string): string {
  let found: string | null = null;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (headerName(rawHeaders[i] as string).lower !== lower) continue;
    if (found !== null) throw new AppError('invalid-request', `The header ${lower} must be sent once.`);
    found = rawHeaders[i + 1] as string;
  }
  return found ?? '';
}

/** A header that may be sent in several pieces, as one list; empty when it is absent. @param lower  its name in lower case */
export function headerAll({ caller: { rawHeaders } }: Call, lower: string): string {
  let all = '';
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (headerName(rawHeaders[i] as string).lower === lower) all = all === '' ? (rawHeaders[i + 1] as string) : `${all}, ${rawHeaders[i + 1]}`;
  return all;
}

/** @returns -1 when no length is announced */
export function announcedLength(rawHeaders: readonly string[]): number {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(rawHeaders[i + 1]);
  }
  return -1;
}
