/** True unless the key is a live one: everything that is not surely live is announced as a test. */
export const isTestMode = (secretKey: string): boolean => !/^(sk|rk)_live_/.test(secretKey);

/** Hosts that production may send money requests to. */
export const isStripeHost = (apiBase: string | undefined): boolean => {
  if (apiBase === undefined) return true;
  const url = URL.canParse(apiBase) ? new URL(apiBase) : null;
  return url?.protocol === 'https:' && url.hostname === 'api.stripe.com' && url.port === '';
};

/** Where the SDK sends its requests. */
export function hostOf(apiBase: string): { host: string; port: number; protocol: 'http' | 'https' } {
  const { hostname, port, protocol } = new URL(apiBase);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { host: hostname, protocol: scheme, port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port) };
}
