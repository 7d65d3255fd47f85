import { compileAddresses, EVERY_ADDRESS, isWithin } from './address.ts';
import { CURRENT_TIME, OPERATORS, RESOURCE_TAG, SOURCE_IP, type Operator, type Statement } from './policy.ts';
import { wildcard } from './wildcard.ts';

type Condition = NonNullable<Statement['Condition']>;

/**
 * Which kinds of conditions exclude each other, so that the statement would never apply; each as the subject of a sentence.
 * @param condition  well formed: known operators, on their keys, with values that can be read
 */
export function exclusions(condition: Condition): readonly string[] {
  const found: string[] = [];
  if (!timeHolds(condition)) found.push('These times');
  if (!addressHolds(condition)) found.push('These addresses');
  for (const key of tagKeys(condition)) if (!tagHolds(condition, key)) found.push(`The values asked of the tag “${key.slice(RESOURCE_TAG.length)}”`);
  return found;
}

const valuesOf = (condition: Condition, operator: Operator, key: string): readonly string[] | undefined => condition[operator]?.[key];

/** Is there an instant at which the bounds on time all hold? Each operator asks for one of its values. */
function timeHolds(condition: Condition): boolean {
  const times = (operator: Operator) => (valuesOf(condition, operator, CURRENT_TIME) ?? []).map((text) => Date.parse(text));
  const lows = [times('DateGreaterThan').map((t) => t + 1), times('DateGreaterThanEquals')].filter((list) => list.length > 0).map((list) => Math.min(...list));
  const highs = [times('DateLessThan').map((t) => t - 1), times('DateLessThanEquals')].filter((list) => list.length > 0).map((list) => Math.max(...list));
  return lows.length === 0 || highs.length === 0 || Math.max(...lows) <= Math.min(...highs);
}

function addressHolds(condition: Condition): boolean {
  const among = valuesOf(condition, 'IpAddress', SOURCE_IP);
  const except = valuesOf(condition, 'NotIpAddress', SOURCE_IP);
  return except === undefined || !isWithin(among === undefined ? EVERY_ADDRESS : compileAddresses(among), compileAddresses(except));
}

const tagKeys = (condition: Condition): ReadonlySet<string> =>
  new Set(Object.entries(condition).flatMap(([operator, keys]) => (OPERATORS[operator as Operator] === 'tag' ? Object.keys(keys) : [])));

/** Is there a value that all hold for? What is only forbidden holds where the tag is missing. */
function tagHolds(condition: Condition, key: string): boolean {
  const equal = valuesOf(condition, 'StringEquals', key);
  const like = valuesOf(condition, 'StringMatch', key);
  const patterns = (operator: Operator) => (valuesOf(condition, operator, key) ?? []).map(wildcard);
  const forbidden = patterns('StringNotMatch');
  if (equal) {
    const wanted = like?.map(wildcard);
    const unequal = valuesOf(condition, 'StringNotEquals', key) ?? [];
    return equal.some((value) => !unequal.includes(value) && (!wanted || wanted.some((one) => one.test(value))) && !forbidden.some((one) => one.test(value)));
  }
  // A pattern that takes another one’s text takes all that the other takes.
  return !like || like.some((text) => !forbidden.some((one) => one.test(text)));
}
