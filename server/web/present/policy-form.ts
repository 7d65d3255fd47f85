import { z } from 'zod';
import { STATEMENTS_MAX, type PolicyFault } from '../../domain/policy-check.ts';
import { CURRENT_TIME, OPERATORS, RESOURCE_TAG, SOURCE_IP, type Operator } from '../../domain/policy.ts';
import { BROAD, services, verbWords } from './permissions.ts';

const CONDITIONS_MAX = 20;

export interface ConditionForm {
  readonly operator: string;
  readonly tag: string;
  /** One a line. */
  readonly values: string;
}

/** A statement as the visual editor holds it; whatever no box stands for is a typed line. */
export interface StatementForm {
  readonly effect: string;
  readonly actions: readonly string[];
  readonly moreActions: string;
  readonly resources: readonly string[];
  readonly moreResources: string;
  readonly conditions: readonly ConditionForm[];
}

/** Something of the organization that a statement can be limited to. */
export interface ResourceChoice {
  readonly value: string;
  readonly label: string;
  /** The gateway that it is, or is of: a filter by tags looks at that one’s. */
  readonly gatewayId: string;
}

export const BLANK: StatementForm = { effect: 'Allow', actions: [], moreActions: '', resources: [], moreResources: '', conditions: [] };
const BLANK_CONDITION: ConditionForm = { operator: '', tag: '', values: '' };

const BOXES = new Set([...BROAD.map(({ value }) => value), ...services.flatMap(({ service, actions }) => [`${service}:*`, ...actions])]);
const lines = (text: string): string[] =>
  text
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

const texts = z.array(z.string().regex(/^\S(.*\S)?$/)).min(1);
const operators = Object.keys(OPERATORS) as Operator[];
const keysOf = (operator: Operator) =>
  OPERATORS[operator] === 'time' ? z.literal(CURRENT_TIME) : OPERATORS[operator] === 'address' ? z.literal(SOURCE_IP) : z.string().startsWith(RESOURCE_TAG);
const Shape = z.strictObject({
  Version: z.literal('1.1'),
  Statement: z
    .array(
      z.strictObject({
        Effect: z.enum(['Allow', 'Deny']),
        Action: texts,
        Resource: texts.optional(),
        Condition: z.strictObject(Object.fromEntries(operators.map((operator) => [operator, z.record(keysOf(operator), texts).optional()]))).optional(),
      }),
    )
    .min(1)
    .max(STATEMENTS_MAX),
});

/** The statements of a document's text; null when the visual editor could not show all of it, so that nothing is lost by switching. */
export function statementsOf(text: string, choices: readonly ResourceChoice[]): StatementForm[] | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Shape.safeParse(value).success) return null;
  const offered = new Set(choices.map((choice) => choice.value));
  // The value itself, not what the check made of it: its keys keep their order.
  return (value as z.output<typeof Shape>).Statement.map(({ Effect, Action, Resource = [], Condition = {} }) => ({
    effect: Effect,
    actions: Action.filter((action) => BOXES.has(action)),
    moreActions: Action.filter((action) => !BOXES.has(action)).join('\n'),
    resources: Resource.filter((resource) => offered.has(resource)),
    moreResources: Resource.filter((resource) => !offered.has(resource)).join('\n'),
    conditions: Object.entries(Condition).flatMap(([operator, keys]) =>
      Object.entries((keys ?? {}) as Record<string, string[]>).map(([key, values]) => ({
        operator,
        tag: key.startsWith(RESOURCE_TAG) ? key.slice(RESOURCE_TAG.length) : '',
        values: values.join('\n'),
      })),
    ),
  }));
}

/** The document that the visual editor's statements make, as text, and the faults that only the editor can have. */
export function textOf(statements: readonly StatementForm[]): { readonly text: string; readonly faults: readonly PolicyFault[] } {
  const faults: PolicyFault[] = [];
  const made = statements.map(({ effect, actions, moreActions, resources, moreResources, conditions }, index) => {
    const condition: Record<string, Record<string, string[]>> = {};
    for (const { operator, tag, values } of conditions.filter((one) => one.operator !== '')) {
      const kind = OPERATORS[operator as Operator];
      const key = kind === 'time' ? CURRENT_TIME : kind === 'address' ? SOURCE_IP : `${RESOURCE_TAG}${tag.trim()}`;
      const keys = (condition[operator] ??= {});
      const path = `Statement[${index}].Condition`;
      if (kind === 'tag' && tag.trim() === '') faults.push({ path, statement: index, message: 'Name the tag that the condition looks at.' });
      else if (keys[key]) faults.push({ path, statement: index, message: 'Two conditions of the same kind: write their values into one, each on its line.' });
      keys[key] = lines(values);
    }
    const resource = [...resources, ...lines(moreResources)];
    return {
      Effect: effect,
      Action: [...actions, ...lines(moreActions)],
      ...(resource.length > 0 && { Resource: resource }),
      ...(Object.keys(condition).length > 0 && { Condition: condition }),
    };
  });
  return { text: JSON.stringify({ Version: '1.1', Statement: made }, null, 2), faults };
}

const one = (value: unknown): string => (typeof value === 'string' ? value : Array.isArray(value) && typeof value[0] === 'string' ? value[0] : '');
const several = (value: unknown): string[] => [...new Set([value].flat().filter((each): each is string => typeof each === 'string' && each !== ''))];
const NAME = /^s(\d{1,3})-(?:effect|action|actions|resource|resources|c\d{1,2}-(?:operator|tag|values))$/;

export const isStatementField = (name: string): boolean => NAME.test(name);

/** What was typed into the visual editor. */
export function readStatements(body: Readonly<Record<string, unknown>>): StatementForm[] {
  const numbers = [...new Set(Object.keys(body).flatMap((name) => NAME.exec(name)?.[1] ?? []))].map(Number).sort((a, b) => a - b);
  return numbers
    .slice(0, STATEMENTS_MAX)
    .map((n) => ({
      effect: one(body[`s${n}-effect`]),
      actions: several(body[`s${n}-action`]).filter((action) => BOXES.has(action)),
      moreActions: one(body[`s${n}-actions`]),
      resources: several(body[`s${n}-resource`]),
      moreResources: one(body[`s${n}-resources`]),
      conditions: Array.from({ length: CONDITIONS_MAX }, (_, c) => c).flatMap((c) =>
        body[`s${n}-c${c}-operator`] === undefined
          ? []
          : [{ operator: one(body[`s${n}-c${c}-operator`]), tag: one(body[`s${n}-c${c}-tag`]), values: one(body[`s${n}-c${c}-values`]) }],
      ),
    }));
}

/** The buttons of the visual editor that change its form alone: `add`, `remove-<n>`, `condition-<n>`, `uncondition-<n>-<m>`. Null: none of them. */
export function reshaped(press: string, statements: readonly StatementForm[]): StatementForm[] | null {
  if (press === 'add') return statements.length < STATEMENTS_MAX ? [...statements, BLANK] : [...statements];
  const [, act, n = '', m = ''] = /^(remove|condition|uncondition)-(\d{1,3})(?:-(\d{1,2}))?$/.exec(press) ?? [];
  const at = Number(n);
  if (act === 'remove') return statements.filter((_, index) => index !== at);
  const change = (conditions: (old: readonly ConditionForm[]) => readonly ConditionForm[]) =>
    statements.map((statement, index) => (index === at ? { ...statement, conditions: conditions(statement.conditions) } : statement));
  if (act === 'condition') return change((old) => (old.length < CONDITIONS_MAX ? [...old, BLANK_CONDITION] : old));
  if (act === 'uncondition') return change((old) => old.filter((_, index) => index !== Number(m)));
  return null;
}

const OPERATOR_WORDS: Readonly<Record<Operator, string>> = {
  IpAddress: 'The request comes from',
  NotIpAddress: 'The request does not come from',
  DateGreaterThan: 'It is later than',
  DateGreaterThanEquals: 'It is at or after',
  DateLessThan: 'It is earlier than',
  DateLessThanEquals: 'It is at or before',
  StringEquals: 'The gateway’s tag is',
  StringNotEquals: 'The gateway’s tag is not',
  StringMatch: 'The gateway’s tag looks like (*)',
  StringNotMatch: 'The gateway’s tag does not look like (*)',
};

/** The view model of the visual editor. */
export const statementModels = (statements: readonly StatementForm[], choices: readonly ResourceChoice[], faults: readonly PolicyFault[]) =>
  statements.map((statement, index) => ({
    index,
    number: index + 1,
    alone: statements.length === 1,
    faults: faults.filter((fault) => fault.statement === index).map(({ path, message }) => `${placeWords(path)}${message}`),
    allows: statement.effect !== 'Deny',
    broad: BROAD.map((box) => ({ ...box, checked: statement.actions.includes(box.value) })),
    services: services.map(({ service, title, actions }) => ({
      title,
      all: { value: `${service}:*`, checked: statement.actions.includes(`${service}:*`) },
      boxes: actions.map((action) => ({ value: action, label: verbWords(action), checked: statement.actions.includes(action) })),
    })),
    moreActions: statement.moreActions,
    choices: choices.map((choice) => ({ ...choice, checked: statement.resources.includes(choice.value) })),
    limited: statement.resources.length > 0 || statement.moreResources !== '',
    // What was chosen and is gone meanwhile stays as a typed line.
    moreResources: [...statement.resources.filter((value) => !choices.some((choice) => choice.value === value)), ...lines(statement.moreResources)].join('\n'),
    conditions: statement.conditions.map((condition, c) => ({
      ...condition,
      index: c,
      number: c + 1,
      operators: operators.map((operator) => ({ value: operator, label: OPERATOR_WORDS[operator], selected: condition.operator === operator })),
    })),
  }));

/** Which part of the statement a fault is about. */
function placeWords(path: string): string {
  const part = /^Statement\[\d+\]\.(\w+)/.exec(path)?.[1];
  return part === 'Action' ? 'Actions: ' : part === 'Resource' ? 'Resources: ' : part === 'Condition' ? 'Conditions: ' : '';
}
