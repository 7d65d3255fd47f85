import { PLATFORM_ORGANIZATION, type Actor } from './actor.ts';

/** Every action a route or verb can ask for: `apig:` and `market:` belong to organizations, `platform:` to operators. One line, one entry, sorted. */
export const ACTIONS = [
  'apig:apis:create',
  'apig:apis:delete',
  'apig:apis:get',
  'apig:apis:grantAppAccess',
  'apig:apis:import',
  'apig:apis:offline',
  'apig:apis:publish',
  'apig:apis:relieveAppAccess',
  'apig:apis:update',
  'apig:groups:create',
  'apig:groups:delete',
  'apig:groups:get',
  'apig:groups:update',
  'apig:instances:create',
  'apig:instances:delete',
  'apig:instances:get',
  'apig:instances:update',
  'market:account:get',
  'market:account:update',
  'market:apps:create',
  'market:apps:delete',
  'market:apps:get',
  'market:apps:update',
  'market:audit:get',
  'market:credentials:create',
  'market:credentials:delete',
  'market:credentials:update',
  'market:earnings:get',
  'market:invoices:get',
  'market:invoices:pay',
  'market:members:create',
  'market:members:delete',
  'market:members:get',
  'market:members:update',
  'market:organization:get',
  'market:organization:update',
  'market:products:create',
  'market:products:get',
  'market:products:submit',
  'market:products:update',
  'market:seller:update',
  'market:subscriptions:cancel',
  'market:subscriptions:create',
  'market:subscriptions:get',
  'market:subscriptions:update',
  'market:usage:get',
  'platform:invoices:decide',
  'platform:invoices:get',
  'platform:nodes:get',
  'platform:nodes:update',
  'platform:periods:close',
  'platform:periods:get',
  'platform:queues:get',
  'platform:queues:update',
  'platform:reviews:decide',
  'platform:reviews:get',
  'platform:totals:update',
  'platform:webhooks:get',
  'platform:webhooks:update',
] as const;

export type Action = (typeof ACTIONS)[number];

export interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  /** Action names; `*` stands for any run of characters within a segment or for all that follows. */
  readonly Action: readonly string[];
}

export interface Policy {
  readonly Version: '1.1';
  readonly Statement: readonly Statement[];
}

const allow = (...actions: string[]): Policy => ({ Version: '1.1', Statement: [{ Effect: 'Allow', Action: actions }] });

/** The preset policies; documents like any other. Custom ones stand beside them later. */
export const PRESETS: Readonly<Record<string, Policy>> = {
  Administrator: allow('apig:*', 'market:*'),
  Billing: allow('market:subscriptions:*', 'market:invoices:*', 'market:usage:get', 'market:earnings:get', 'market:organization:get', 'market:apps:get'),
  Developer: allow('market:apps:*', 'market:credentials:*', 'market:usage:get', 'market:subscriptions:get', 'market:organization:get'),
  FullAccess: allow('apig:*', 'market:products:*', 'market:organization:get'),
  Operator: allow('platform:*'),
  ReadOnlyAccess: allow('apig:*:get', 'market:*:get'),
  // Everybody's own account; part of every signed-in actor.
  Self: allow('market:account:*'),
};

const matches = (pattern: string, action: string): boolean => {
  const wanted = pattern.split(':');
  const given = action.split(':');
  return wanted.every((segment, i) => segment === '*' || segment === given[i]) && (wanted.length === given.length || wanted.at(-1) === '*');
};

/**
 * The one decision: may this actor do that? Deny beats Allow, nothing matches = denied, an unknown policy grants nothing.
 * The system may do everything; `platform:` actions need membership in the platform's organization whatever a policy says.
 */
export function decide(actor: Actor, action: Action): boolean {
  if (actor.kind === 'system') return true;
  if (action.startsWith('platform:') && actor.organizationId !== PLATFORM_ORGANIZATION) return false;
  const hits = actor.policies
    .flatMap((name) => PRESETS[name]?.Statement ?? [])
    .filter((statement) => statement.Action.some((pattern) => matches(pattern, action)));
  return hits.length > 0 && hits.every((statement) => statement.Effect === 'Allow');
}
