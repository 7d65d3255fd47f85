import { isBillable } from './billable.ts';
import type { Fraction } from './fraction.ts';
import { fraction } from './fraction.ts';
import { formatMoney, groupDigits } from './money.ts';
import { describeMeter, isFree, unitWord } from './plan-words.ts';
import type { Meter, Plan } from './plan.ts';
import { rate, type PackagePrice, type Price } from './pricing.ts';

/** Something of a plan that gets dearer for whoever holds it. */
export interface Dearer {
  /** The field of the plan form that it is about; `terms` where the form has none. */
  readonly field: 'billAborted' | 'billable' | 'currency' | 'fee' | 'interval' | 'price' | 'quota' | 'rateCalls' | 'terms';
  /** A sentence, for the provider and for the buyer. */
  readonly words: string;
}

/** The largest quantity there is (rule N2). */
const QUANTITY_MAX = 2n ** 63n - 1n;

/**
 * What gets dearer when a running subscription goes over from one version to another (rule N6); empty only where nothing can: in doubt it is dearer. A limit that
 * becomes tighter counts, because the same use then needs a dearer plan; a limit that falls counts where what lies beyond it is charged. Set-up fee and trial
 * have no say: a running subscription has both behind it.
 */
export function dearer(before: Plan, after: Plan): Dearer[] {
  if (before.currency.code !== after.currency.code) return [{ field: 'currency', words: 'The currency changes.' }];
  if (before.interval !== after.interval) return [{ field: 'interval', words: 'The length of the period changes.' }];
  const amount = (minor: bigint): string => formatMoney(minor, after.currency.code);
  const found: Dearer[] = [];
  const add = (field: Dearer['field'], words: string): void => void found.push({ field, words });

  if (after.baseMinor > before.baseMinor) add('fee', `The fee rises from ${amount(before.baseMinor)} to ${amount(after.baseMinor)}.`);
  if (after.minCommitMinor > before.minCommitMinor)
    add('terms', `The least that usage costs in a period rises from ${amount(before.minCommitMinor)} to ${amount(after.minCommitMinor)}.`);
  if (before.capMinor !== null && (after.capMinor === null || after.capMinor > before.capMinor))
    add(
      'terms',
      `The most that usage costs in a period, ${amount(before.capMinor)}, ${after.capMinor === null ? 'falls away' : `rises to ${amount(after.capMinor)}`}.`,
    );

  for (const meter of after.meters) {
    const earlier = before.meters.find(({ code }) => code === meter.code);
    found.push(...(earlier ? dearerMeter(earlier, meter, before, after) : newMeter(meter, after)));
  }
  if (after.overageStop !== before.overageStop)
    add('terms', after.overageStop ? 'Calls beyond what was bought are refused.' : 'Calls beyond what was bought are charged.');
  found.push(...dearerCounting(before, after), ...dearerRate(before, after));
  return found;
}

function newMeter(meter: Meter, { currency }: Plan): Dearer[] {
  return isFree(meter.price) && !meter.quota ? [] : [{ field: 'price', words: `New: ${describeMeter(meter, currency)}.` }];
}

function dearerMeter(before: Meter, after: Meter, { currency }: Plan, plan: Plan): Dearer[] {
  const found: Dearer[] = [];
  if (costsMore(before, after)) {
    const [was, is] = [describeMeter(before, currency), describeMeter(after, plan.currency)];
    found.push(
      was === is
        ? { field: 'quota', words: `More ${unitWord(after.code)} than before can be charged in a period, as the quota no longer refuses them.` }
        : { field: 'price', words: `Usage: “${was}” becomes “${is}”.` },
    );
  }
  const [had, has] = [before.quota, after.quota];
  const units = unitWord(after.code);
  if (has && !had) found.push({ field: 'quota', words: `There is a quota: ${groupDigits(has.limit)} ${units} in a period.` });
  else if (has && had && has.limit < had.limit)
    found.push({ field: 'quota', words: `The quota shrinks from ${groupDigits(had.limit)} to ${groupDigits(has.limit)} ${units} in a period.` });
  if (has?.hard && had && !had.hard) found.push({ field: 'quota', words: 'Calls beyond the quota are refused.' });
  if (before.maxPerCall !== null && (after.maxPerCall === null || after.maxPerCall > before.maxPerCall))
    found.push({ field: 'terms', words: `One call can be charged with more ${units} than ${groupDigits(before.maxPerCall)}.` });
  return found;
}

/** Where no more than the limit can be used, the rest costs nothing. */
const reachable = ({ quota }: Meter): bigint => (quota?.hard ? quota.limit : QUANTITY_MAX);
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const exceeds = (a: Fraction, b: Fraction): boolean => a.n * b.d > b.n * a.d;

/**
 * Is there a number of units that costs more afterwards? Between two neighbours of the bounds below both prices are straight lines, so that looking at the bounds
 * decides for all quantities. Steps of packages are taken at their upper edge afterwards and at their lower edge before, which errs on the side of dearer.
 */
function costsMore(before: Meter, after: Meter): boolean {
  const [was, is] = [before.price, after.price];
  const [limitBefore, limitAfter] = [reachable(before), reachable(after)];
  if (was.model === 'package' && is.model === 'package' && noPackageMore(was, is))
    return limitAfter > limitBefore && exceeds(rate(is, limitAfter), rate(was, limitBefore));
  const bounds = [...boundsOf(was), ...boundsOf(is), limitBefore, limitBefore + 1n, limitAfter, limitAfter + 1n, 0n, QUANTITY_MAX];
  return bounds.some((units) => units <= QUANTITY_MAX && exceeds(upperEdge(is, least(units, limitAfter)), lowerEdge(was, least(units, limitBefore))));
}

/** Any quantity takes at most as much money in packages as before. */
const noPackageMore = (before: PackagePrice, after: PackagePrice): boolean =>
  after.included >= before.included &&
  ((after.size >= before.size && after.amountMinor <= before.amountMinor) ||
    (before.size % after.size === 0n && (before.size / after.size) * after.amountMinor <= before.amountMinor));

/** The quantities next to which a price bends. */
function boundsOf(price: Price): bigint[] {
  const bounds = 'tiers' in price ? price.tiers.flatMap(({ upTo }) => (upTo === null ? [] : [price.included + upTo])) : [];
  return [price.included, ...bounds].flatMap((bound) => [bound, bound + 1n]);
}

const packageUnits = (price: PackagePrice, units: bigint): bigint => (units > price.included ? units - price.included : 0n);

function upperEdge(price: Price, units: bigint): Fraction {
  if (price.model !== 'package') return rate(price, units);
  const beyond = packageUnits(price, units);
  return beyond === 0n ? fraction(0n) : fraction((beyond + price.size - 1n) * price.amountMinor, price.size);
}

const lowerEdge = (price: Price, units: bigint): Fraction =>
  price.model === 'package' ? fraction(packageUnits(price, units) * price.amountMinor, price.size) : rate(price, units);

/** Can more units cost less? Only where all of them take the price of the tier that is reached. */
const falls = (price: Price): boolean =>
  price.model === 'volume' &&
  price.tiers.some(({ upTo }) => upTo !== null && exceeds(rate(price, price.included + upTo), rate(price, price.included + upTo + 1n)));

/** Which calls count, and as how many units. */
function dearerCounting(before: Plan, after: Plan): Dearer[] {
  const found: Dearer[] = [];
  const weight = (plan: Plan, operation: string): bigint => plan.weights.get(operation) ?? 1n;
  const operations = [...new Set([...before.weights.keys(), ...after.weights.keys()])];
  const heavier = operations.filter((operation) => weight(after, operation) > weight(before, operation));
  if (heavier.length > 0)
    found.push({ field: 'terms', words: `${heavier.length === 1 ? 'An operation counts' : `${heavier.length} operations count`} more units than before.` });
  const statuses = Array.from({ length: 500 }, (_, index) => index + 100);
  const counts = (plan: Plan, status: number): boolean => isBillable(plan, { origin: 'upstream', status });
  if (statuses.some((status) => counts(after, status) && !counts(before, status)))
    found.push({
      field: 'billable',
      words: `More answers are charged: ${after.billableStatuses.join(', ')} instead of ${before.billableStatuses.join(', ') || 'none'}.`,
    });
  if (after.billAborted && !before.billAborted) found.push({ field: 'billAborted', words: 'Calls that the caller breaks off are charged.' });
  const fewer =
    operations.some((operation) => weight(after, operation) < weight(before, operation)) ||
    statuses.some((status) => counts(before, status) && !counts(after, status)) ||
    (before.billAborted && !after.billAborted);
  if (fewer && after.meters.some(({ price }) => falls(price)))
    found.push({ field: 'price', words: 'Fewer calls count, and with these tiers fewer can cost more.' });
  return found;
}

/** A rate is no tighter when whatever passed before passes now: a span of the new length holds so many of the old one, rounded up. */
function dearerRate({ rateLimit: before }: Plan, { rateLimit: after }: Plan): Dearer[] {
  if (!after) return [];
  const words = ({ calls, seconds }: { calls: number; seconds: number }): string =>
    `${groupDigits(BigInt(calls))} calls in ${seconds === 1 ? 'a second' : `${seconds} seconds`}`;
  if (!before) return [{ field: 'rateCalls', words: `There is a rate limit: ${words(after)}.` }];
  const spans = (BigInt(after.seconds) + BigInt(before.seconds) - 1n) / BigInt(before.seconds);
  return BigInt(after.calls) >= spans * BigInt(before.calls)
    ? []
    : [{ field: 'rateCalls', words: `The rate limit changes from ${words(before)} to ${words(after)}.` }];
}
