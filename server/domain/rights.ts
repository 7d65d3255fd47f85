import { PLATFORM_ORGANIZATION, type Actor, type HeldPolicy } from './actor.ts';
import { isReading, kindOf, PATHS, type Action } from './actions.ts';
import { compilePolicy, meets, parseResource, type Aim, type Circumstances, type CompiledStatement, type Policy } from './policy.ts';

const allow = (...actions: string[]): Policy => ({ Version: '1.1', Statement: [{ Effect: 'Allow', Action: actions }] });

/** The preset policies; documents like any other. */
export const PRESETS: Readonly<Record<string, Policy>> = {
  Administrator: allow('apig:*', 'market:*'),
  Billing: allow('market:subscriptions:*', 'market:invoices:*', 'market:usage:get', 'market:earnings:get', 'market:organization:get', 'market:apps:get'),
  Developer: allow(
    'market:apps:*',
    'market:connections:get',
    'market:credentials:*',
    'market:usage:get',
    'market:subscriptions:get',
    'market:organization:get',
  ),
  FullAccess: allow('apig:*', 'market:products:*', 'market:organization:get'),
  Operator: allow('platform:*'),
  ReadOnlyAccess: allow('apig:*:get', 'market:*:get'),
  // Everybody's own account and keys; part of every signed-in actor.
  Self: allow('market:account:*', 'market:ownKeys:*'),
};

/**
 * What a decision is about. A resource (`gateway:gw_1/group:grp_1`); something new, by the place it comes into (`gateway:gw_1` for a group, `gateway:`
 * for a gateway); a list, by a last `/*` (`gateway:gw_1/*`; `/*` for all there is): then it is enough that something in it may be meant,
 * and each entry is decided by itself. `*`: the organization as a whole.
 */
export type Target = string;

export const ORGANIZATION: Target = '*';
export const ANYTHING: Target = '/*';

export interface Decision {
  readonly allowed: boolean;
  /** `rule`: a rule of the organization stands above all policies. `default`: nothing speaks of it. `platform`: for operators only. `system`: no person acts. */
  readonly because: 'statement' | 'default' | 'rule' | 'platform' | 'system';
  /** The statement that decides. */
  readonly policy?: HeldPolicy;
  /** Its place in the policy, from 0. */
  readonly statement?: number;
  /** The rule that decides, in words. */
  readonly rule?: string;
}

const aims = new Map<Target, Aim>();
const AIMS_MAX = 10_000;

function aimOf(target: Target): Aim {
  let known = aims.get(target);
  if (!known) {
    if (aims.size >= AIMS_MAX) aims.clear();
    const list = target.endsWith('/*');
    known = { list, steps: parseResource(list ? target.slice(0, -2) : target) };
    aims.set(target, known);
  }
  return known;
}

/** `certain`: it speaks of exactly this. `possible`: of something in the list that is asked about. */
function applies(statement: CompiledStatement, aim: Aim, circumstances: Circumstances): 'certain' | 'possible' | 'no' {
  let reach: 'all' | 'some' | 'none' = 'none';
  for (const pattern of statement.resources) {
    const one = meets(pattern, aim);
    if (one === 'all') {
      reach = 'all';
      break;
    }
    if (one === 'some') reach = 'some';
  }
  if (reach === 'none') return 'no';
  const verdict = statement.test === null ? true : statement.test(circumstances);
  if (verdict === false) return 'no';
  return reach === 'all' && verdict === true ? 'certain' : 'possible';
}

/**
 * The one decision, for pages, forms, programs and jobs: may this actor do that to this? Deny beats Allow, nothing matches = denied. The system may do
 * everything; `platform:` actions need membership in the platform's organization whatever a policy says; a rule of the organization that the
 * actor does not fulfil leaves nothing but the own account.
 * A condition that cannot be said (a tag, where no one gateway is meant) counts as fulfilled for an Allow on a list, and otherwise as not;
 * for a Deny it counts as fulfilled on everything but a list.
 * @param tags  of the gateway that holds the target; null where there is none
 */
export function decide(actor: Actor, action: Action, target: Target = defaultTarget(action), tags: Readonly<Record<string, string>> | null = null): Decision {
  if (actor.kind === 'system') return { allowed: true, because: 'system' };
  const platform = action.startsWith('platform:');
  if (platform && actor.organizationId !== PLATFORM_ORGANIZATION) return { allowed: false, because: 'platform' };
  const rule = actor.restrictions?.[0];
  if (rule !== undefined && !action.startsWith('market:account:')) return { allowed: false, because: 'rule', rule };
  const aim = aimOf(target);
  const circumstances: Circumstances = { address: actor.address, at: actor.at, tags };
  let granted: Decision | undefined;
  for (const named of actor.policies) {
    const held = typeof named === 'string' ? presetOf(named) : named;
    if (!held) continue;
    for (const statement of compilePolicy(held.document).byAction.get(action) ?? NONE) {
      if (statement.allows && granted) continue;
      const fit = applies(statement, aim, circumstances);
      if (fit === 'no' || (fit === 'possible' && statement.allows !== aim.list)) continue;
      const decision = { allowed: statement.allows, because: 'statement', policy: held, statement: statement.index } as const;
      if (!statement.allows) return decision;
      granted = decision;
    }
  }
  return granted ?? { allowed: false, because: 'default' };
}

export const isAllowed = (actor: Actor, action: Action, target?: Target, tags?: Readonly<Record<string, string>> | null): boolean =>
  decide(actor, action, target, tags).allowed;

const NONE: readonly CompiledStatement[] = [];

/** Where a verb names nothing in particular: reading asks for a list, all else for something new, or for the organization as a whole. */
function defaultTarget(action: Action): Target {
  const root = PATHS[kindOf(action)][0];
  if (root === undefined) return ORGANIZATION;
  return isReading(action) ? ANYTHING : `${root}:`;
}

const presets = new Map<string, HeldPolicy>();

/** A preset, held. An unknown name grants nothing. */
export function presetOf(name: string): HeldPolicy | undefined {
  const known = presets.get(name);
  if (known) return known;
  const document = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (!document) return undefined;
  const held: HeldPolicy = { id: name, name, via: '', document };
  presets.set(name, held);
  return held;
}

/** Does deciding for this actor need to know which thing is meant, and its tags? With presets alone it never does. */
export const looksAtResources = (actor: Actor): boolean =>
  actor.policies.some((held) => typeof held !== 'string' && (compilePolicy(held.document).needsResource || compilePolicy(held.document).needsTags));

/** The decision in words, for the one who was refused and for the simulator. */
export function explain(decision: Decision, action: Action): string {
  const { because, policy, statement = 0, rule } = decision;
  if (because === 'system') return 'The system itself may do everything.';
  if (because === 'platform') return 'Only operators of the platform may do this.';
  if (because === 'rule') return rule ?? '';
  if (because === 'default') return `Nothing allows “${action}” here: none of the policies held speaks of it, and what is not allowed is denied.`;
  const where = `Statement ${statement + 1} of the policy “${policy?.name ?? ''}”${policy?.via ? `, held through ${policy.via},` : ''}`;
  return `${where} ${decision.allowed ? 'allows' : 'denies'} “${action}” here.`;
}
