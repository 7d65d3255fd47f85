import { ACTIONS, expandAction, isReading, type Action } from '../../domain/actions.ts';
import { compilePolicy, CURRENT_TIME, RESOURCE_TAG, SOURCE_IP, type Policy, type Statement } from '../../domain/policy.ts';

/** What actions are done to, in plain words; in the order of pages. A kind of action that stands nowhere here is shown by its own name. */
const SERVICES: Readonly<Record<string, string>> = {
  'apig:instances': 'Gateways',
  'apig:features': 'Parameters of gateways',
  'apig:groups': 'API groups',
  'apig:apis': 'APIs',
  'apig:endpoints': 'Private endpoints',
  'market:products': 'Products and plans',
  'market:seller': 'Seller profile',
  'market:earnings': 'Earnings',
  'market:apps': 'Apps',
  'market:credentials': 'Keys of apps',
  'market:subscriptions': 'Subscriptions',
  'market:connections': 'Private connections',
  'market:usage': 'Usage',
  'market:invoices': 'Invoices and payment',
  'market:members': 'Members',
  'market:serviceAccounts': 'Service accounts',
  'market:accessKeys': 'Access keys of others',
  'market:ownKeys': 'Own access keys',
  'market:userGroups': 'Groups of users',
  'market:policies': 'Policies',
  'market:organization': 'Organization',
  'market:signOn': 'Single sign-on',
  'market:audit': 'Audit log',
  'market:account': 'Own account',
};

const VERBS: Readonly<Record<string, string>> = {
  get: 'see',
  create: 'create',
  update: 'change',
  delete: 'delete',
  decide: 'accept and reject',
  grantAppAccess: 'authorize apps',
  relieveAppAccess: 'withdraw authorizations',
  offline: 'take offline',
  recover: 'help with lost second factors',
  submit: 'send to review',
};

/** The rows of the matrix of roles: kinds of actions that people think of together. */
const AREAS: readonly { readonly title: string; readonly services: readonly string[] }[] = [
  { title: 'Gateways and APIs', services: ['apig:instances', 'apig:features', 'apig:groups', 'apig:apis', 'apig:endpoints'] },
  { title: 'Products and plans', services: ['market:products'] },
  { title: 'Seller profile and earnings', services: ['market:seller', 'market:earnings'] },
  { title: 'Apps and keys', services: ['market:apps', 'market:credentials'] },
  { title: 'Subscriptions', services: ['market:subscriptions'] },
  { title: 'Private connections', services: ['market:connections'] },
  { title: 'Usage', services: ['market:usage'] },
  { title: 'Invoices and payment', services: ['market:invoices'] },
  { title: 'Members and rights', services: ['market:members', 'market:userGroups', 'market:policies'] },
  { title: 'Service accounts and access keys', services: ['market:serviceAccounts', 'market:accessKeys'] },
  { title: 'Organization', services: ['market:organization', 'market:signOn'] },
  { title: 'Audit log', services: ['market:audit'] },
];

const serviceOf = (action: string): string => action.slice(0, action.lastIndexOf(':'));
const verbOf = (action: string): string => action.slice(action.lastIndexOf(':') + 1);
/** What an action's kind is called; null: it has no words. */
export const serviceTitle = (action: string): string | null => SERVICES[serviceOf(action)] ?? null;
export const verbWords = (action: string): string => VERBS[verbOf(action)] ?? verbOf(action);
/** What organizations can be given: the platform's own is not among it. */
const OFFERED: readonly Action[] = ACTIONS.filter((action) => !action.startsWith('platform:'));
const seeingFirst = (a: Action, b: Action) => Number(isReading(b)) - Number(isReading(a));

export interface ServiceWords {
  /** `market:apps` */
  readonly service: string;
  readonly title: string;
  readonly actions: readonly Action[];
}

/** Every kind of action with its actions, sight first. */
export const services: readonly ServiceWords[] = [...new Set([...Object.keys(SERVICES), ...OFFERED.map(serviceOf)])]
  .map((service) => ({ service, title: SERVICES[service] ?? service, actions: OFFERED.filter((action) => serviceOf(action) === service).sort(seeingFirst) }))
  .filter(({ actions }) => actions.length > 0);

/** Wider than one kind of action. */
export const BROAD: readonly { readonly value: string; readonly label: string }[] = [
  { value: 'apig:*', label: 'Everything with gateways and APIs' },
  { value: 'apig:*:get', label: 'See all of gateways and APIs' },
  { value: 'market:*', label: 'Everything else: products, apps, bills, members …' },
  { value: 'market:*:get', label: 'See everything else' },
];

/** What a policy grants in one area. `partly`: some of it, or only of some things, or only sometimes. */
export type Grant = 'nothing' | 'sees' | 'changes' | 'partly';
export const GRANT_WORDS: Readonly<Record<Grant, string>> = { nothing: '–', sees: 'sees', changes: 'changes', partly: 'partly' };

function reachIn(policy: Policy, action: Action): 'all' | 'some' | 'none' {
  const statements = compilePolicy(policy).byAction.get(action) ?? [];
  const whole = ({ test, resources }: (typeof statements)[number]) => test === null && resources.some((pattern) => pattern.length === 0);
  const [allows, denies] = [statements.filter((one) => one.allows), statements.filter((one) => !one.allows)];
  if (allows.length === 0 || denies.some(whole)) return 'none';
  return denies.length === 0 && allows.some(whole) ? 'all' : 'some';
}

export function grantIn(policy: Policy, actions: readonly Action[]): Grant {
  const reach = actions.map((action) => ({ reading: isReading(action), reach: reachIn(policy, action) }));
  if (reach.every((one) => one.reach === 'none')) return 'nothing';
  const [reading, changing] = [reach.filter((one) => one.reading), reach.filter((one) => !one.reading)];
  const sees = reading.every((one) => one.reach === 'all');
  if (sees && changing.every((one) => one.reach === 'none')) return 'sees';
  return sees && changing.every((one) => one.reach === 'all') ? 'changes' : 'partly';
}

/** Rows: areas in plain words; columns: policies; cell: what the policy grants there. */
export const rightsMatrix = (policies: readonly { readonly id: string; readonly name: string; readonly document: Policy }[]) => ({
  columns: policies.map(({ id, name }) => ({ id, name })),
  rows: AREAS.map(({ title, services: kinds }) => ({
    title,
    cells: policies.map(({ name, document }) => {
      const grant = grantIn(
        document,
        OFFERED.filter((action) => kinds.includes(serviceOf(action))),
      );
      return { name, grant, word: GRANT_WORDS[grant] };
    }),
  })),
});

const CONDITION_WORDS: Readonly<Record<string, string>> = {
  DateGreaterThan: 'after',
  DateGreaterThanEquals: 'from',
  DateLessThan: 'before',
  DateLessThanEquals: 'until',
  IpAddress: 'from the address',
  NotIpAddress: 'from an address outside',
  StringEquals: 'is',
  StringMatch: 'looks like',
  StringNotEquals: 'is not',
  StringNotMatch: 'does not look like',
};

/** A statement in words, for people who do not read JSON. */
export function statementWords({ Effect, Action: patterns, Resource, Condition }: Statement, index: number, nameOf: (resource: string) => string) {
  const expanded = new Set(patterns.flatMap(expandAction));
  return {
    number: index + 1,
    allows: Effect === 'Allow',
    actions: services.flatMap(({ title, actions }) => {
      const meant = actions.filter((action) => expanded.has(action));
      return meant.length === 0 ? [] : [{ title, verbs: meant.length === actions.length ? 'everything' : meant.map(verbWords).join(', ') }];
    }),
    resources: Resource === undefined || Resource.includes('*') ? [] : Resource.map((resource) => ({ resource, name: nameOf(resource) })),
    conditions: Object.entries(Condition ?? {}).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, values]) => {
        const what = key === SOURCE_IP || key === CURRENT_TIME ? '' : `the gateway’s tag “${key.slice(RESOURCE_TAG.length)}” `;
        return `${what}${CONDITION_WORDS[operator] ?? operator} ${values.join(operator.includes('Not') ? ' and ' : ' or ')}`;
      }),
    ),
  };
}

/** A document as JSON in pieces, so that a page can set off the statement that decides. */
export function documentPieces({ Version, Statement: statements }: Policy, marked: number | null) {
  const indented = (statement: Statement) => JSON.stringify(statement, null, 2).replace(/^/gm, '    ');
  return {
    head: `{\n  "Version": ${JSON.stringify(Version)},\n  "Statement": [\n`,
    statements: statements.map((statement, index) => ({
      text: indented(statement),
      tail: index < statements.length - 1 ? ',\n' : '\n',
      decides: index === marked,
    })),
    foot: '  ]\n}',
  };
}
