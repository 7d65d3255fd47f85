import { wildcard } from './wildcard.ts';

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
  'apig:endpoints:decide',
  'apig:endpoints:get',
  'apig:endpoints:update',
  'apig:features:get',
  'apig:features:update',
  'apig:groups:create',
  'apig:groups:delete',
  'apig:groups:get',
  'apig:groups:update',
  'apig:instances:create',
  'apig:instances:delete',
  'apig:instances:get',
  'apig:instances:update',
  'market:accessKeys:create',
  'market:accessKeys:delete',
  'market:accessKeys:get',
  'market:accessKeys:update',
  'market:account:get',
  'market:account:update',
  'market:apps:create',
  'market:apps:delete',
  'market:apps:get',
  'market:apps:update',
  'market:audit:get',
  'market:audit:update',
  'market:connections:create',
  'market:connections:delete',
  'market:connections:get',
  'market:credentials:create',
  'market:credentials:delete',
  'market:credentials:update',
  'market:earnings:get',
  'market:invoices:get',
  'market:invoices:pay',
  'market:members:create',
  'market:members:delete',
  'market:members:get',
  'market:members:recover',
  'market:members:update',
  'market:organization:get',
  'market:organization:update',
  'market:ownKeys:create',
  'market:ownKeys:delete',
  'market:ownKeys:get',
  'market:ownKeys:update',
  'market:policies:create',
  'market:policies:delete',
  'market:policies:get',
  'market:policies:update',
  'market:products:create',
  'market:products:get',
  'market:products:submit',
  'market:products:update',
  'market:seller:update',
  'market:serviceAccounts:create',
  'market:serviceAccounts:delete',
  'market:serviceAccounts:get',
  'market:serviceAccounts:update',
  'market:signOn:get',
  'market:signOn:update',
  'market:subscriptions:cancel',
  'market:subscriptions:create',
  'market:subscriptions:get',
  'market:subscriptions:update',
  'market:usage:get',
  'market:userGroups:create',
  'market:userGroups:delete',
  'market:userGroups:get',
  'market:userGroups:update',
  'platform:accounts:get',
  'platform:accounts:recover',
  'platform:domains:decide',
  'platform:domains:get',
  'platform:invoices:decide',
  'platform:invoices:get',
  'platform:nodes:get',
  'platform:nodes:update',
  'platform:organizations:get',
  'platform:organizations:update',
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

/** The kinds of things a resource names, as the way down to it: `gateway:<id>/group:<id>/api:<id>`. Of organizations there is always one: the actor's. */
export type ResourceKind = 'gateway' | 'group' | 'api' | 'product' | 'subscription' | 'organization';

const KIND_OF: Readonly<Record<string, ResourceKind>> = {
  'apig:apis': 'api',
  'apig:endpoints': 'gateway',
  'apig:features': 'gateway',
  'apig:groups': 'group',
  'apig:instances': 'gateway',
  'market:products': 'product',
  'market:subscriptions': 'subscription',
};

/** What an action is done to; everything that has no resource of its own belongs to the organization as a whole. */
export const kindOf = (action: Action): ResourceKind => KIND_OF[action.slice(0, action.lastIndexOf(':'))] ?? 'organization';

/** Looks without changing. */
export const isReading = (action: Action): boolean => action.endsWith(':get');

/** The path of kinds to a kind: what must be named to name one. */
export const PATHS: Readonly<Record<ResourceKind, readonly string[]>> = {
  api: ['gateway', 'group', 'api'],
  gateway: ['gateway'],
  group: ['gateway', 'group'],
  organization: [],
  product: ['product'],
  subscription: ['subscription'],
};

/**
 * The actions a pattern stands for. Segments are compared one by one, `*` within a segment stands for any run of characters, and a last `*` for all
 * that follows (`apig:*`). `platform:` is never meant by a wildcard in front.
 */
export function expandAction(pattern: string): Action[] {
  const wanted = pattern.split(':');
  if (wanted.length > 3) return [];
  const last = wanted.at(-1);
  if (wanted.length < 3 && last !== '*') return [];
  const tests = wanted.map(wildcard);
  return ACTIONS.filter((action) => {
    const given = action.split(':');
    if (given[0] === 'platform' && wanted[0] !== 'platform') return false;
    return tests.every((test, i) => test.test(given[i] ?? ''));
  });
}
