import { ValueFault } from '../values.ts';
import { INVOICE_KINDS } from './invoice-kinds.ts';
import type { Answer, Json } from './kind.ts';
import { LEDGER_KINDS } from './ledger-kinds.ts';
import { RATING_KINDS } from './rating-kinds.ts';
import { TIME_KINDS } from './time-kinds.ts';

/** A Map, so that a kind named `constructor` is as unknown as any other. */
const KINDS: ReadonlyMap<string, Answer> = new Map([...INVOICE_KINDS, ...LEDGER_KINDS, ...RATING_KINDS, ...TIME_KINDS]);

export const DOOR_KINDS: readonly string[] = [...KINDS.keys()].sort();

export type DoorErrorCode = 'invalid_case' | 'unknown_kind' | 'invalid_plan' | 'invalid_usage';
export type DoorResult =
  | { readonly id: string; readonly result: Json }
  | { readonly id: string | null; readonly error: { readonly code: DoorErrorCode; readonly message: string; readonly path: string } };

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Answer one billing question by the same functions that close periods and build invoices. Looked at in this order: id, kind, plan, usage.
 *
 * @param raw  what JSON held; anything
 * @returns a result, or one fault with the path of the value
 */
export function answerCase(raw: unknown): DoorResult {
  const fault = (id: string | null, code: DoorErrorCode, path: string, message: string): DoorResult => ({ id, error: { code, message, path } });
  if (!isObject(raw)) return fault(null, 'invalid_case', '', 'a case must be an object');
  const own = (key: string): unknown => (Object.hasOwn(raw, key) ? raw[key] : undefined);
  const id = own('id');
  if (typeof id !== 'string' || id === '') return fault(null, 'invalid_case', 'id', 'id must be a non-empty string');
  const kindName = own('kind');
  const answer = typeof kindName === 'string' ? KINDS.get(kindName) : undefined;
  if (!answer) return fault(id, 'unknown_kind', 'kind', `kind must be one of ${DOOR_KINDS.join(', ')}`);
  for (const part of ['plan', 'usage']) if (!isObject(own(part))) return fault(id, 'invalid_case', part, `${part} must be an object`);
  try {
    return { id, result: answer(own('plan'), own('usage')) };
  } catch (error) {
    if (!(error instanceof ValueFault)) throw error;
    return fault(id, error.path.startsWith('usage') ? 'invalid_usage' : 'invalid_plan', error.path, `${error.path} ${error.message}`);
  }
}
