import { pino, type DestinationStream, type Logger } from 'pino';

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

/** @param destination  standard output when there is none */
export const makeLog = (level: string, role: string, destination?: DestinationStream): Log =>
  pino({ level, base: { role }, redact: { paths, censor: '[secret]' }, timestamp: pino.stdTimeFunctions.isoTime }, ...(destination ? [destination] : []));
