/** True unless the key is a live one: everything that is not surely live is announced as a test. */
export const isTestMode = (secretKey: string): boolean => !/^(sk|rk)_live_/.test(secretKey);

/** Hosts that production may send money requests to. */
export const isStripeHost = (apiBase: string | undefined): boolean => {
  if (apiBase === undefined) return true;
  const url = URL.canParse(apiBase) ? new URL(apiBase) : null;
  return url?.protocol === 'https:' && url.hostname === 'api.stripe.com' && url.port === '';
};
