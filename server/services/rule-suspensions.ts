import { PLATFORM_ORGANIZATION, type Actor } from '../domain/actor.ts';
import { rulesOf, SUSPENSION_HOURS_MAX, suspensionAt, type OrganizationRules, type RulesSuspension } from '../domain/organization-rules.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { OrganizationDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';
import type { Audit } from './audit.ts';
import { makeKeptLists } from './kept-lists.ts';
import type { SendLetter } from './letters.ts';
import { mustOperate } from './operators.ts';

const HOUR_MS = 3_600_000;

export interface RulesView {
  readonly organization: OrganizationDoc;
  readonly rules: OrganizationRules;
  /** The one that counts now. */
  readonly suspension: RulesSuspension | null;
  readonly members: number;
}

/** What an operator can do for an organization whose own rules shut everybody out. Its administrators hear of it, and both logs tell it. */
export function makeRuleSuspensions({
  store,
  audit,
  sendLetter,
  clock,
}: {
  store: Pick<Store, 'accounts' | 'settings'>;
  audit: Audit;
  sendLetter: SendLetter;
  clock: Pick<Clock, 'monotonic' | 'real'>;
}) {
  const { accounts } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  async function organizationOf(actor: Actor, id: string): Promise<OrganizationDoc> {
    mustOperate(actor);
    const organization = await accounts.organization(id);
    if (!organization) throw new AppError('not-found');
    return organization;
  }

  /** One whose rules an operator may touch: nobody loosens the rules that bind the operators in this way. */
  async function customer(actor: Actor, id: string): Promise<OrganizationDoc> {
    const organization = await organizationOf(actor, id);
    if (organization._id === PLATFORM_ORGANIZATION)
      throw new AppError('conflict', 'The operators’ own rules are changed under Organization, by who may do so.');
    return organization;
  }

  async function record(actor: Actor, { _id }: OrganizationDoc, before: unknown, after: unknown): Promise<void> {
    for (const organizationId of [_id, PLATFORM_ORGANIZATION])
      await audit.append(actor, { action: 'platform:organizations:update', resource: `organization:${_id}`, organizationId, before, after });
  }

  const tell = (organization: OrganizationDoc, subject: string, lines: readonly string[]): Promise<void> =>
    sendLetter({ organizationId: organization._id, to: 'market:organization:update', subject, lines, path: '/organization/rules' });

  return {
    async view(actor: Actor, id: string): Promise<RulesView> {
      const organization = await organizationOf(actor, id);
      const members = await lists.read('members', id, async () => (await accounts.membershipsOfOrganization(id)).map(({ userId }) => userId));
      return { organization, rules: rulesOf(organization), suspension: suspensionAt(organization, clock.real()), members: members.length };
    },

    /**
     * Sign-ins need not fulfil the rules for some time; then they count again by themselves.
     * @param hours  from now, 1 to {@link SUSPENSION_HOURS_MAX}
     */
    async suspend(actor: Actor, id: string, hours: number, reason: string): Promise<RulesSuspension> {
      const organization = await customer(actor, id);
      if (!Number.isInteger(hours) || hours < 1 || hours > SUSPENSION_HOURS_MAX) throw new RangeError('a suspension lasts 1 to 24 whole hours');
      const at = clock.real();
      const suspension: RulesSuspension = { at, until: at + hours * HOUR_MS, reason };
      await accounts.setRulesSuspension(id, suspension);
      await record(actor, organization, null, { rules: 'suspended', until: suspension.until, reason });
      await tell(organization, `The rules of ${organization.name} are suspended`, [
        `An operator of the marketplace has suspended what the rules of ${organization.name} ask of sign-ins, for ${hours} h. The reason given: ${reason}`,
        'Put the rules right in this time: saving them ends the suspension. After it they count again as they stand.',
        'If nobody of yours asked for this, tell the operators at once.',
      ]);
      return suspension;
    },

    /** The rules count again. Ending what has ended does nothing. */
    async resume(actor: Actor, id: string): Promise<void> {
      const organization = await customer(actor, id);
      const suspension = suspensionAt(organization, clock.real());
      if (!suspension) return;
      await accounts.setRulesSuspension(id, null);
      await record(actor, organization, { rules: 'suspended', until: suspension.until }, { rules: 'in force' });
      await tell(organization, `The rules of ${organization.name} count again`, [
        `An operator of the marketplace has ended the suspension of the rules of ${organization.name}.`,
      ]);
    },

    /** Of the rules, the list of addresses goes for good; the others stay. @throws conflict when there is none, or the rules were changed meanwhile */
    async liftAddresses(actor: Actor, id: string, reason: string): Promise<void> {
      const organization = await customer(actor, id);
      const { rev, addresses } = rulesOf(organization);
      if (addresses.length === 0) throw new AppError('conflict', 'This organization has no list of addresses.');
      if (!(await accounts.liftAddresses(id, rev))) throw new AppError('conflict');
      await record(actor, organization, { rules: { addresses } }, { rules: { addresses: [] }, reason });
      await tell(organization, `Sign-ins to ${organization.name} may come from everywhere`, [
        `An operator of the marketplace has taken away the list of addresses that sign-ins to ${organization.name} may come from. The reason given: ${reason}`,
        'The other rules stay. Write a new list when you know your addresses.',
        'If nobody of yours asked for this, tell the operators at once.',
      ]);
    },
  };
}
