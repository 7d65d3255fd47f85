import { isDeepStrictEqual } from 'node:util';
import { isAddressEntry } from './address.ts';
import { expandAction, PATHS, type Action, type ResourceKind } from './actions.ts';
import { CURRENT_TIME, meets, OPERATORS, parseResource, reachOf, RESOURCE_TAG, SOURCE_IP, type Operator, type Policy, type Statement } from './policy.ts';
import { exclusions } from './policy-exclusions.ts';

export const POLICY_BYTES_MAX = 16_384;
export const STATEMENTS_MAX = 100;
const LIST_MAX = 100;

/** What is wrong, and where: `Statement[1].Action[0]`; the statement's place from 0, or null for the document as a whole. */
export interface PolicyFault {
  readonly path: string;
  readonly statement: number | null;
  readonly message: string;
}

export type CheckedPolicy = { readonly policy: Policy; readonly faults: readonly [] } | { readonly policy: null; readonly faults: readonly PolicyFault[] };

const fault = (path: string, statement: number | null, message: string): PolicyFault => ({ path, statement, message });
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const quoted = (value: unknown): string => `“${String(value).slice(0, 80)}”`;

/** Parse what was typed into the JSON editor. */
export function checkPolicyText(text: string): CheckedPolicy {
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX) return refused(fault('', null, `The document is larger than ${POLICY_BYTES_MAX / 1_024} KB.`));
  try {
    return checkPolicy(JSON.parse(text));
  } catch (error) {
    return refused(fault('', null, `This is not JSON: ${error instanceof Error ? error.message : ''}`));
  }
}

const refused = (...faults: PolicyFault[]): CheckedPolicy => ({ policy: null, faults });

/**
 * Check a document of an organization whole: its form, and that each statement can work. One that names no existing action, a resource its
 * actions are never done to, or conditions that exclude each other would lie there as if it protected something.
 */
export function checkPolicy(value: unknown): CheckedPolicy {
  if (!isObject(value)) return refused(fault('', null, 'A policy is a JSON object with "Version" and "Statement".'));
  const faults: PolicyFault[] = [];
  for (const key of Object.keys(value)) if (key !== 'Version' && key !== 'Statement') faults.push(fault(key, null, `${quoted(key)} is not known here.`));
  if (value['Version'] !== '1.1') faults.push(fault('Version', null, '"Version" must be "1.1".'));
  const statements = value['Statement'];
  if (!Array.isArray(statements) || statements.length === 0)
    return refused(...faults, fault('Statement', null, '"Statement" must be a list with at least one statement.'));
  if (statements.length > STATEMENTS_MAX) return refused(...faults, fault('Statement', null, `At most ${STATEMENTS_MAX} statements fit.`));
  statements.forEach((statement, index) => faults.push(...statementFaults(statement, index)));
  if (faults.length > 0) return refused(...faults);
  const policy = value as unknown as Policy;
  const contradictions = shadowed(policy);
  return contradictions.length > 0 ? refused(...contradictions) : { policy, faults: [] };
}

function statementFaults(statement: unknown, index: number): PolicyFault[] {
  const path = `Statement[${index}]`;
  if (!isObject(statement)) return [fault(path, index, 'A statement is an object with "Effect" and "Action".')];
  const faults: PolicyFault[] = [];
  for (const key of Object.keys(statement)) {
    if (!['Action', 'Condition', 'Effect', 'Resource'].includes(key)) faults.push(fault(`${path}.${key}`, index, `${quoted(key)} is not known here.`));
  }
  if (statement['Effect'] !== 'Allow' && statement['Effect'] !== 'Deny') faults.push(fault(`${path}.Effect`, index, '"Effect" must be "Allow" or "Deny".'));
  const actions = actionFaults(statement['Action'], index, faults);
  if (statement['Resource'] !== undefined) resourceFaults(statement['Resource'], index, actions, faults);
  if (statement['Condition'] !== undefined) conditionFaults(statement['Condition'], index, actions, faults);
  return faults;
}

/** A list of texts; adds its faults and gives back the texts that are some. */
function texts(value: unknown, path: string, index: number, faults: PolicyFault[]): string[] {
  if (!Array.isArray(value) || value.length === 0) {
    faults.push(fault(path, index, 'This must be a list with at least one entry.'));
    return [];
  }
  if (value.length > LIST_MAX) faults.push(fault(path, index, `At most ${LIST_MAX} entries fit.`));
  return value.slice(0, LIST_MAX).flatMap((one, i): string[] => {
    if (typeof one === 'string' && one !== '') return [one];
    faults.push(fault(`${path}[${i}]`, index, 'This must be a text.'));
    return [];
  });
}

function actionFaults(value: unknown, index: number, faults: PolicyFault[]): Action[] {
  const path = `Statement[${index}].Action`;
  return texts(value, path, index, faults).flatMap((pattern, i) => {
    if (pattern.split(':')[0] === 'platform') {
      faults.push(fault(`${path}[${i}]`, index, 'Actions of the platform belong to its operators alone.'));
      return [];
    }
    const found = expandAction(pattern);
    if (found.length === 0) faults.push(fault(`${path}[${i}]`, index, `No action is called ${quoted(pattern)}.`));
    return found;
  });
}

const ID = /^(?:\*|[a-z]+_[A-Za-z0-9]{1,40})$/;
const words: Readonly<Record<string, string>> = { gateway: 'gateways', product: 'products', subscription: 'subscriptions' };

function resourceFaults(value: unknown, index: number, actions: readonly Action[], faults: PolicyFault[]): void {
  const path = `Statement[${index}].Resource`;
  const reach = reachOf(actions);
  texts(value, path, index, faults).forEach((text, i) => {
    if (text === '*') return;
    const pattern = parseResource(text);
    const kinds = pattern.map(({ kind }) => kind);
    const root = kinds[0] ?? '';
    const known = (Object.keys(PATHS) as ResourceKind[]).some((kind) => PATHS[kind].join('/') === kinds.join('/') && kinds.length > 0);
    if (!known || !pattern.every(({ id }) => ID.test(id)))
      faults.push(
        fault(`${path}[${i}]`, index, `${quoted(text)} is no resource. Write gateway:<id>[/group:<id>[/api:<id>]], product:<id>, subscription:<id> or *.`),
      );
    else if (actions.length > 0 && !reach.has(root))
      faults.push(fault(`${path}[${i}]`, index, `None of the actions is done to ${words[root]}: with this resource the statement would never apply.`));
    else if (actions.length > 0 && kinds.length > (reach.get(root) ?? 0))
      faults.push(fault(`${path}[${i}]`, index, 'The actions are done to something above this resource: the statement would never apply.'));
  });
}

function conditionFaults(value: unknown, index: number, actions: readonly Action[], faults: PolicyFault[]): void {
  const path = `Statement[${index}].Condition`;
  if (!isObject(value)) {
    faults.push(fault(path, index, 'A condition is an object: operator, then key, then a list of values.'));
    return;
  }
  const before = faults.length;
  for (const [operator, keys] of Object.entries(value)) {
    if (!Object.hasOwn(OPERATORS, operator)) {
      faults.push(fault(`${path}.${operator}`, index, `No operator is called ${quoted(operator)}. Known: ${Object.keys(OPERATORS).join(', ')}.`));
    } else if (!isObject(keys) || Object.keys(keys).length === 0) {
      faults.push(fault(`${path}.${operator}`, index, 'Here stands an object: key, then a list of values.'));
    } else for (const [key, values] of Object.entries(keys)) keyFaults(operator as Operator, key, values, `${path}.${operator}.${key}`, index, actions, faults);
  }
  if (faults.length > before) return;
  for (const subject of exclusions(value as NonNullable<Statement['Condition']>))
    faults.push(fault(path, index, `${subject} exclude each other: the statement would never apply.`));
}

function keyFaults(operator: Operator, key: string, values: unknown, path: string, index: number, actions: readonly Action[], faults: PolicyFault[]): void {
  const kind = OPERATORS[operator];
  const fits = kind === 'time' ? key === CURRENT_TIME : kind === 'address' ? key === SOURCE_IP : /^g:ResourceTag\/.{1,128}$/.test(key);
  if (!fits) {
    faults.push(
      fault(
        path,
        index,
        `${operator} works on ${kind === 'time' ? CURRENT_TIME : kind === 'address' ? SOURCE_IP : `${RESOURCE_TAG}<key>`}, not on ${quoted(key)}.`,
      ),
    );
    return;
  }
  if (kind === 'tag' && actions.length > 0 && !reachOf(actions).has('gateway'))
    faults.push(fault(path, index, 'Tags are on gateways, and none of the actions is done to one: the statement would never apply.'));
  const given = texts(values, path, index, faults);
  given.forEach((one, i) => {
    if (kind === 'time' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/.test(one))
      faults.push(fault(`${path}[${i}]`, index, `${quoted(one)} is no time. Write it in UTC, as 2027-01-31T08:00:00Z.`));
    else if (kind === 'time' && Number.isNaN(Date.parse(one))) faults.push(fault(`${path}[${i}]`, index, `${quoted(one)} is no day of the calendar.`));
    if (kind === 'address' && !isAddressEntry(one))
      faults.push(fault(`${path}[${i}]`, index, `${quoted(one)} is no address, block (10.0.0.0/8) or range (10.0.0.1-10.0.0.9).`));
  });
}

/** Allowing statements that the denials of the same document take back whole: those without a condition, and those under the very same one. */
function shadowed(policy: Policy): PolicyFault[] {
  const denials = policy.Statement.flatMap(({ Effect, Action, Resource = ['*'], Condition = {} }, index) =>
    Effect === 'Deny' ? [{ place: index + 1, actions: new Set(Action.flatMap(expandAction)), resources: Resource.map(parseResource), Condition }] : [],
  );
  return policy.Statement.flatMap((statement, index) => {
    if (statement.Effect !== 'Allow') return [];
    const against = denials.filter(({ Condition }) => Object.keys(Condition).length === 0 || isDeepStrictEqual(Condition, statement.Condition));
    if (against.length === 0) return [];
    const used = new Set<number>();
    const actions = new Set(statement.Action.flatMap(expandAction));
    for (const text of new Set(statement.Resource ?? ['*'])) {
      const aim = { steps: parseResource(text), list: false };
      const covering = against.filter(({ resources }) => resources.some((outer) => meets(outer, aim) === 'all'));
      for (const action of actions) {
        const denial = covering.find((one) => one.actions.has(action));
        if (!denial) return [];
        used.add(denial.place);
      }
    }
    const places = [...used].sort((a, b) => a - b);
    const who = places.length === 1 ? `Statement ${places[0]} denies` : `Statements ${places.slice(0, -1).join(', ')} and ${places.at(-1)} deny`;
    return [fault(`Statement[${index}]`, index, `${who} all that this one allows: it would never apply.`)];
  });
}
