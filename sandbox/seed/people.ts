import { PLATFORM_ORGANIZATION, type Actor } from '../../server/domain/actor.ts';
import type { Services } from '../../server/services/index.ts';

export const PASSWORD = 'tollgate-demo';
export const ROLES = ['provider', 'buyer', 'admin', 'operator'] as const;
export type Role = (typeof ROLES)[number];
export const emailOf = (role: string): string => `${role}@demo.test`;

type Accounts = Services['accounts'];

/** The actor that a person is after signing in; acts for `organizationId`, or the first organization. */
export async function actorOf(accounts: Accounts, email: string, requestId: string, organizationId?: string): Promise<Actor> {
  const user = await accounts.signIn(email, PASSWORD);
  const memberships = await accounts.memberships(user._id);
  const found = memberships.find(({ organization }) => organization._id === organizationId) ?? memberships[0];
  if (!found) throw new Error(`${email} belongs to no organization`);
  return { kind: 'user', userId: user._id, organizationId: found.organization._id, policies: found.membership.policies, address: '127.0.0.1', requestId };
}

/** Four people and their organizations; whoever is there already stays as they are. */
export async function seedPeople(accounts: Accounts, requestId: string): Promise<Readonly<Record<Role, Actor>>> {
  await accounts.register({ email: emailOf('provider'), password: PASSWORD, name: 'Paula Provider', organization: 'Atlas Data' });
  await accounts.register({ email: emailOf('buyer'), password: PASSWORD, name: 'Bruno Buyer', organization: 'Harbor Apps' });
  const buyer = await actorOf(accounts, emailOf('buyer'), requestId);
  await accounts.registerMember({ email: emailOf('admin'), password: PASSWORD, name: 'Ada Admin' }, buyer.organizationId, ['Administrator']);
  const operator = await accounts.registerMember({ email: emailOf('operator'), password: PASSWORD, name: 'Olaf Operator' }, PLATFORM_ORGANIZATION, [
    'Administrator',
    'Operator',
  ]);
  if (operator) await accounts.addOperators(operator);
  return {
    buyer,
    provider: await actorOf(accounts, emailOf('provider'), requestId),
    admin: await actorOf(accounts, emailOf('admin'), requestId),
    operator: await actorOf(accounts, emailOf('operator'), requestId),
  };
}
