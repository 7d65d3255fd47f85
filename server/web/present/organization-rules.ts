import type { OrganizationRules } from '../../domain/organization-rules.ts';

const ADDRESSES_SHOWN = 5;

/** Rules of an organization in one line, without the full stop. */
export const rulesInWords = ({ twoFactor, addresses, signInHoursMax, keyAgeDaysMax }: OrganizationRules): string =>
  [
    `two-factor sign-in ${twoFactor ? 'is asked for' : 'is not asked for'}`,
    addresses.length === 0
      ? 'every address is admitted'
      : `admitted are ${addresses.slice(0, ADDRESSES_SHOWN).join(', ')}${addresses.length > ADDRESSES_SHOWN ? ' …' : ''}`,
    signInHoursMax === null ? 'sign-ins last' : `a sign-in lasts ${signInHoursMax} h`,
    keyAgeDaysMax === null ? 'keys may have any age' : `keys may be ${keyAgeDaysMax} days old`,
  ].join('; ');
