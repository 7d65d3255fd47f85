import { compileAddresses, inRanges, parseAddress, type AddressRanges } from './address.ts';
import { isTwoFactor, type Factor } from './sign-in.ts';

/** What an organization asks of everybody who acts for it, above all policies. */
export interface OrganizationRules {
  /** 0: none were ever set. */
  readonly rev: number;
  readonly twoFactor: boolean;
  /** Addresses, blocks and ranges a request may come from; empty: from everywhere. */
  readonly addresses: readonly string[];
  /** Greatest age of an access key, whole days; null: any. */
  readonly keyAgeDaysMax: number | null;
  /** After so many hours a sign-in has to be repeated; null: never. */
  readonly signInHoursMax: number | null;
}

export const NO_RULES: OrganizationRules = { rev: 0, twoFactor: false, addresses: [], keyAgeDaysMax: null, signInHoursMax: null };

/** An organization that never set rules has none. */
export const rulesOf = ({ rules }: { readonly rules?: OrganizationRules | null | undefined }): OrganizationRules => rules ?? NO_RULES;

/** An operator lets people in past the rules, because they shut everybody out. Times: epoch ms of the real clock. */
export interface RulesSuspension {
  readonly at: number;
  readonly until: number;
  readonly reason: string;
}

export const SUSPENSION_HOURS_MAX = 24;

/** The suspension that counts at a time; null: none does. */
export const suspensionAt = ({ rulesSuspension }: { readonly rulesSuspension?: RulesSuspension | null | undefined }, at: number): RulesSuspension | null =>
  rulesSuspension && at < rulesSuspension.until ? rulesSuspension : null;

/** What requests have to fulfil at a time: nothing while it is suspended. How old keys may become stays: that shuts no person out. */
export function rulesInForce(
  organization: { readonly rules?: OrganizationRules | null | undefined; readonly rulesSuspension?: RulesSuspension | null | undefined },
  at: number,
): OrganizationRules {
  const rules = rulesOf(organization);
  return suspensionAt(organization, at) ? { ...NO_RULES, rev: rules.rev, keyAgeDaysMax: rules.keyAgeDaysMax } : rules;
}

/** How somebody came in, and from where this request comes. Times: epoch ms of the real clock. */
export interface SignIn {
  readonly factors: readonly Factor[];
  readonly address: string;
  readonly openedAt: number;
  readonly at: number;
}

export interface UnmetRule {
  readonly rule: 'twoFactor' | 'addresses' | 'signInHoursMax';
  readonly words: string;
}

const HOUR_MS = 3_600_000;

const compiled = new Map<string, AddressRanges>();
const COMPILED_MAX = 1_000;

function rangesOf(addresses: readonly string[]): AddressRanges {
  const key = addresses.join('\n');
  let known = compiled.get(key);
  if (!known) {
    if (compiled.size >= COMPILED_MAX) compiled.clear();
    compiled.set(key, (known = compileAddresses(addresses)));
  }
  return known;
}

/** The rules that a sign-in does not fulfil, in words for whoever is refused. What is no address is in no list. */
export function unmetRules(rules: OrganizationRules, name: string, { factors, address, openedAt, at }: SignIn): UnmetRule[] {
  const unmet: UnmetRule[] = [];
  if (rules.twoFactor && !isTwoFactor(factors))
    unmet.push({ rule: 'twoFactor', words: `${name} asks for two-factor sign-in, and this sign-in was made with one factor.` });
  const value = parseAddress(address);
  if (rules.addresses.length > 0 && (value === null || !inRanges(rangesOf(rules.addresses), value)))
    unmet.push({ rule: 'addresses', words: `${name} admits sign-ins from its own addresses only, and ${address || 'yours'} is not one of them.` });
  if (rules.signInHoursMax !== null && at - openedAt > rules.signInHoursMax * HOUR_MS)
    unmet.push({ rule: 'signInHoursMax', words: `${name} asks everybody to sign in again after ${rules.signInHoursMax} h, and this sign-in is older.` });
  return unmet;
}
