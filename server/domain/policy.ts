import { compileAddresses, inRanges, parseAddress, type AddressRanges } from './address.ts';
import { expandAction, kindOf, PATHS, type Action } from './actions.ts';
import { wildcard } from './wildcard.ts';

/** A policy document as administrators write it (GATEWAY: users and permissions). */
export interface Policy {
  readonly Version: '1.1';
  readonly Statement: readonly Statement[];
}

export interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  /** Action names, `*` as in `expandAction`. */
  readonly Action: readonly string[];
  /** Default: everything. `gateway:<id>[/group:<id>[/api:<id>]]`, `product:<id>`, `subscription:<id>` or `*`; an id may be `*`. A resource covers what lies beneath. */
  readonly Resource?: readonly string[];
  /** Operator → key → values. All must hold; of several values one is enough (for a negated operator: none may match). */
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** What a condition may look at. */
export interface Circumstances {
  /** Network address the request came from. */
  readonly address: string;
  /** Epoch ms; undefined: not known, then a condition on time is not fulfilled. */
  readonly at: number | undefined;
  /** Tags of the gateway that holds the resource; null: not asked about one gateway. */
  readonly tags: Readonly<Record<string, string>> | null;
}

export const SOURCE_IP = 'g:SourceIp';
export const CURRENT_TIME = 'g:CurrentTime';
export const RESOURCE_TAG = 'g:ResourceTag/';

/** The operators, by the keys they work on. */
export const OPERATORS = {
  DateGreaterThan: 'time',
  DateGreaterThanEquals: 'time',
  DateLessThan: 'time',
  DateLessThanEquals: 'time',
  IpAddress: 'address',
  NotIpAddress: 'address',
  StringEquals: 'tag',
  StringMatch: 'tag',
  StringNotEquals: 'tag',
  StringNotMatch: 'tag',
} as const;
export type Operator = keyof typeof OPERATORS;

/** Holds, does not hold, or cannot be said without asking about one thing. */
type Verdict = boolean | 'depends';
type Test = (circumstances: Circumstances) => Verdict;

export interface CompiledStatement {
  /** Its place in the document, from 0. */
  readonly index: number;
  readonly allows: boolean;
  readonly resources: readonly ResourcePattern[];
  readonly test: Test | null;
  /** A condition looks at tags. */
  readonly needsTags: boolean;
}

/** `kind:id` steps; none of them: everything. */
export type ResourcePattern = readonly { readonly kind: string; readonly id: string }[];

/** A document made ready to decide: for each action the statements that speak of it, in their order. */
export interface CompiledPolicy {
  readonly byAction: ReadonlyMap<Action, readonly CompiledStatement[]>;
  readonly needsTags: boolean;
  /** Some statement speaks of less than everything. */
  readonly needsResource: boolean;
}

/** What is asked about: one thing, by the steps to it, or the list of what lies beneath. */
export interface Aim {
  readonly steps: ResourcePattern;
  readonly list: boolean;
}

/** Does the pattern cover the aim (`all`), something in the aim's list (`some`), or nothing of it? */
export function meets(pattern: ResourcePattern, { steps, list }: Aim): 'all' | 'some' | 'none' {
  const length = Math.min(pattern.length, steps.length);
  for (let i = 0; i < length; i += 1) {
    const wanted = pattern[i];
    const given = steps[i];
    if (wanted?.kind !== given?.kind || (wanted?.id !== '*' && wanted?.id !== given?.id)) return 'none';
  }
  if (pattern.length <= steps.length) return 'all';
  return list ? 'some' : 'none';
}

export function parseResource(text: string): ResourcePattern {
  if (text === '*' || text === '') return [];
  return text
    .replace(/\/\*$/, '')
    .split('/')
    .map((step) => {
      const colon = step.indexOf(':');
      return { kind: step.slice(0, colon), id: step.slice(colon + 1) };
    });
}

function testOf(operator: Operator, key: string, values: readonly string[]): Test {
  switch (OPERATORS[operator]) {
    case 'address': {
      const ranges: AddressRanges = compileAddresses(values);
      const wanted = operator === 'IpAddress';
      return ({ address }) => {
        const parsed = parseAddress(address);
        // From no address nothing is known to come, neither from inside nor from outside.
        return parsed !== null && inRanges(ranges, parsed) === wanted;
      };
    }
    case 'time': {
      const times = values.map((value) => Date.parse(value));
      const holds = {
        DateGreaterThan: (at: number, than: number) => at > than,
        DateGreaterThanEquals: (at: number, than: number) => at >= than,
        DateLessThan: (at: number, than: number) => at < than,
        DateLessThanEquals: (at: number, than: number) => at <= than,
      }[operator as 'DateLessThan'];
      return ({ at }) => at !== undefined && times.some((than) => holds(at, than));
    }
    case 'tag': {
      const tag = key.slice(RESOURCE_TAG.length);
      const negated = operator.includes('Not');
      const patterns = operator.endsWith('Match') ? values.map(wildcard) : values;
      const hits = (value: string) => patterns.some((pattern) => (typeof pattern === 'string' ? pattern === value : pattern.test(value)));
      return ({ tags }) => {
        if (tags === null) return 'depends';
        const value = Object.hasOwn(tags, tag) ? tags[tag] : undefined;
        return value === undefined ? negated : hits(value) !== negated;
      };
    }
  }
}

function conditionOf(condition: Statement['Condition']): { test: Test | null; needsTags: boolean } {
  const tests = Object.entries(condition ?? {}).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, values]) => testOf(operator as Operator, key, values)),
  );
  const needsTags = Object.values(condition ?? {}).some((keys) => Object.keys(keys).some((key) => key.startsWith(RESOURCE_TAG)));
  if (tests.length === 0) return { test: null, needsTags };
  return {
    needsTags,
    test(circumstances) {
      let verdict: Verdict = true;
      for (const test of tests) {
        const one = test(circumstances);
        if (one === false) return false;
        if (one === 'depends') verdict = 'depends';
      }
      return verdict;
    },
  };
}

const compiled = new WeakMap<Policy, CompiledPolicy>();

/** Of a document that `checkPolicy` found without fault; kept as long as the document lives. */
export function compilePolicy(policy: Policy): CompiledPolicy {
  const known = compiled.get(policy);
  if (known) return known;
  const byAction = new Map<Action, CompiledStatement[]>();
  const statements = policy.Statement.map((statement, index): CompiledStatement => {
    const made = {
      index,
      allows: statement.Effect === 'Allow',
      resources: (statement.Resource ?? ['*']).map(parseResource),
      ...conditionOf(statement.Condition),
    };
    for (const action of new Set(statement.Action.flatMap(expandAction))) {
      const list = byAction.get(action);
      if (list) list.push(made);
      else byAction.set(action, [made]);
    }
    return made;
  });
  const made = {
    byAction,
    needsTags: statements.some(({ needsTags }) => needsTags),
    needsResource: statements.some(({ resources }) => resources.every((pattern) => pattern.length > 0)),
  };
  compiled.set(policy, made);
  return made;
}

/** Which resources a set of actions can be limited to: the first step of a resource, and how deep it may go. */
export function reachOf(actions: readonly Action[]): ReadonlyMap<string, number> {
  const reach = new Map<string, number>();
  for (const action of actions) {
    const path = PATHS[kindOf(action)];
    const root = path[0];
    if (root !== undefined) reach.set(root, Math.max(reach.get(root) ?? 0, path.length));
  }
  return reach;
}
