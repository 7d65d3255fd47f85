import type { Actor } from '../domain/actor.ts';
import { isAddressEntry } from '../domain/address.ts';
import {
  rulesInForce,
  rulesOf,
  suspensionAt,
  unmetRules,
  type OrganizationRules,
  type RulesSuspension,
  type SignIn,
  type UnmetRule,
} from '../domain/organization-rules.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { OrganizationDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { Audit } from './audit.ts';

const ADDRESSES_MAX = 200;
const ENTRY_MAX = 100;

export type RuleFields = Omit<OrganizationRules, 'rev'>;

/** How an author is told that the rule would shut himself out. */
const OWN: Readonly<Record<UnmetRule['rule'], (signIn: SignIn) => string>> = {
  addresses: ({ address }) => `Your own address ${address} is not in the list: you would shut yourself out.`,
  signInHoursMax: () => 'Your own sign-in is older than that: sign in again first.',
  twoFactor: () => 'Your own sign-in was made with one factor: set up two-factor for your account first, and sign in with it.',
};

/** Days that a key of the organization may reach; null: any age. */
export const keyAgeDaysMax = (organization: Pick<OrganizationDoc, 'rules'> | null): number | null => organization?.rules?.keyAgeDaysMax ?? null;

/** Of the rules, those that a program's access key can fail too: where it calls from. In words; empty when it fulfils them. */
export const unmetByKey = (
  organization: Pick<OrganizationDoc, 'name' | 'rules' | 'rulesSuspension'>,
  { address, at }: { readonly address: string; readonly at: number },
): readonly string[] =>
  unmetRules({ ...rulesInForce(organization, at), twoFactor: false, signInHoursMax: null }, organization.name, { factors: [], address, openedAt: at, at }).map(
    ({ words }) => words,
  );

/** What an organization asks of every sign-in; enforced where a request gets its actor. */
export function makeOrganizationRules({ store, audit, clock }: { store: Pick<Store, 'accounts'>; audit: Audit; clock: Pick<Clock, 'real'> }) {
  const { accounts } = store;

  async function organizationOf(actor: Actor): Promise<OrganizationDoc> {
    const organization = await accounts.organization(actor.organizationId);
    if (!organization) throw new AppError('not-found');
    return organization;
  }

  return {
    /** The rules as they are set, and the suspension that counts now. */
    async rules(actor: Actor): Promise<{ readonly rules: OrganizationRules; readonly suspension: RulesSuspension | null }> {
      const organization = await organizationOf(actor);
      return { rules: rulesOf(organization), suspension: suspensionAt(organization, clock.real()) };
    },

    /** Of one sign-in, in words; empty when it fulfils all. */
    unmet: (organization: OrganizationDoc, signIn: SignIn): readonly UnmetRule[] =>
      unmetRules(rulesInForce(organization, signIn.at), organization.name, signIn),

    /**
     * In force from the next request of everybody; a suspension ends with it.
     * @param rev  of the rules the form was made from
     * @param signIn  the author's: a rule it would not fulfil is refused, so that nobody shuts himself out
     * @throws invalid-form beside the field, conflict when somebody else saved meanwhile
     */
    async save(actor: Actor, rev: number, fields: RuleFields, signIn: SignIn): Promise<void> {
      const organization = await organizationOf(actor);
      const before = rulesOf(organization);
      if (before.rev !== rev) throw new AppError('conflict');
      checkAddresses(fields.addresses);
      const after: OrganizationRules = { ...fields, rev: rev + 1 };
      const shut = unmetRules(after, organization.name, signIn);
      if (shut.length > 0) throw new AppError('invalid-form', undefined, { fields: Object.fromEntries(shut.map(({ rule }) => [rule, OWN[rule](signIn)])) });
      if (!(await accounts.setRules(organization._id, rev === 0 ? null : rev, after))) throw new AppError('conflict');
      await audit.append(actor, {
        action: 'market:organization:update',
        resource: `organization:${organization._id}`,
        before: { rules: { ...before, rev: undefined } },
        after: { rules: { ...fields } },
      });
    },
  };
}

function checkAddresses(addresses: readonly string[]): void {
  const refuse = (message: string) => new AppError('invalid-form', undefined, { fields: { addresses: message } });
  if (addresses.length > ADDRESSES_MAX) throw refuse(`At most ${ADDRESSES_MAX} entries fit.`);
  const wrong = addresses.find((entry) => entry.length > ENTRY_MAX || !isAddressEntry(entry));
  if (wrong !== undefined)
    throw refuse(`“${wrong.slice(0, ENTRY_MAX)}” is no address, block or range: write 203.0.113.7, 203.0.113.0/24 or 203.0.113.1-203.0.113.9.`);
}

export type OrganizationRulesService = ReturnType<typeof makeOrganizationRules>;
