/** What a sign-in was proved with. `totp`: the code of an app, or a recovery code; `sso-mfa`: another issuer, which says that it asked for two. */
export const FACTORS = ['password', 'totp', 'passkey', 'sso', 'sso-mfa'] as const;
export type Factor = (typeof FACTORS)[number];

/** A passkey is held and unlocked (user verification is asked for), so it is two; otherwise two different ones are. */
export const isTwoFactor = (factors: readonly Factor[]): boolean => factors.includes('passkey') || factors.includes('sso-mfa') || new Set(factors).size > 1;
