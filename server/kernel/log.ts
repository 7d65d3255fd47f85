import { pino, type Logger } from 'pino';

export type Log = Logger;

/** Keys whose values never reach a log line, wherever they stand in the first three levels of an object. */
const SECRET_KEYS = [
  'appCode',
  'appSecret',
  'authorization',
  'cookie',
  'password',
  'secret',
  'stripeSignature',
  'token',
  'x-apig-appcode',
  'x-hw-appkey',
  'set-cookie',
];
const paths = SECRET_KEYS.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]);

export const makeLog = (level: string, role: string): Log =>
  pino({ level, base: { role }, redact: { paths, censor: '[secret]' }, timestamp: pino.stdTimeFunctions.isoTime });
