export type * from './port.ts';

/** True unless the key is a live one: everything that is not surely live is announced as a test. */
export const isTestMode = (secretKey: string): boolean => !/^(sk|rk)_live_/.test(secretKey);
