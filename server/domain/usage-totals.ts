import { isBillableOutcome, type BillingRule } from './billable.ts';
import { keepsPlace, type Outcome } from './metering.ts';
import { REQUESTS_METER } from './plan.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** What the batches say of calls that ended alike; see the store's `UsageEntry`. */
export interface CountedEntry {
  readonly sub: string;
  /** `<period>.<change>` */
  readonly window: string;
  /** Start of the hour of admission, epoch ms. */
  readonly hour: number;
  readonly outcome: string;
  readonly calls: bigint;
  readonly units: Readonly<Record<string, bigint>>;
  readonly bytesIn: bigint;
  readonly bytesOut: bigint;
}

/** The quantities of one hour. `billable` and `places` are units of the meter; the rest counts calls, and stands on the meter `requests` alone. */
export const QUANTITIES = ['billable', 'places', 'calls', 'billableCalls', 'failed', 'bytesIn', 'bytesOut'] as const;
export type HourTotal = Readonly<Record<(typeof QUANTITIES)[number], bigint>>;

/** What one total holds, or what one batch adds to it. */
export interface Total {
  readonly sub: string;
  readonly window: string;
  readonly meter: string;
  /** Start of the day, UTC, epoch ms. */
  readonly day: number;
  /** By hour of the day, 0 to 23; an hour without calls is missing. */
  readonly hours: ReadonlyMap<number, HourTotal>;
}

/** The rule of a window's plan version (rule N14); undefined for a window that no period knows: nothing of it is billed. */
export type RuleOf = (sub: string, window: string) => BillingRule | undefined;

export const windowKey = (sub: string, window: string): string => `${sub}|${window}`;
export const totalId = ({ sub, window, meter, day }: Pick<Total, 'day' | 'meter' | 'sub' | 'window'>): string =>
  `${sub}.${window}.${meter}.${new Date(day).toISOString().slice(0, 10)}`;

export const NO_USAGE: HourTotal = { billable: 0n, places: 0n, calls: 0n, billableCalls: 0n, failed: 0n, bytesIn: 0n, bytesOut: 0n };
export const plus = (a: HourTotal, b: HourTotal): HourTotal => ({
  billable: a.billable + b.billable,
  places: a.places + b.places,
  calls: a.calls + b.calls,
  billableCalls: a.billableCalls + b.billableCalls,
  failed: a.failed + b.failed,
  bytesIn: a.bytesIn + b.bytesIn,
  bytesOut: a.bytesOut + b.bytesOut,
});

/** All hours of totals together. */
export const sumOf = (totals: Iterable<Pick<Total, 'hours'>>): HourTotal => {
  let sum = NO_USAGE;
  for (const { hours } of totals) for (const hour of hours.values()) sum = plus(sum, hour);
  return sum;
};

/** Add `hours` to the total that they belong to, in a collection of totals by id. */
export function addTotal(totals: Map<string, Total>, more: Total): void {
  const id = totalId(more);
  const hours = new Map(totals.get(id)?.hours);
  for (const [hour, quantities] of more.hours) hours.set(hour, plus(hours.get(hour) ?? NO_USAGE, quantities));
  totals.set(id, { sub: more.sub, window: more.window, meter: more.meter, day: more.day, hours });
}

/** What an entry adds to a meter of its hour. */
function quantitiesOf({ outcome, calls, units, bytesIn, bytesOut }: CountedEntry, rule: BillingRule | undefined, meter: string): HourTotal {
  const billed = rule !== undefined && isBillableOutcome(rule, outcome);
  const kept = keepsPlace(outcome as Outcome);
  const count = units[meter] ?? 0n;
  const ofCalls = meter === REQUESTS_METER ? { calls, billableCalls: billed ? calls : 0n, failed: kept ? 0n : calls, bytesIn, bytesOut } : {};
  return { ...NO_USAGE, billable: billed ? count : 0n, places: kept ? count : 0n, ...ofCalls };
}

export const dayOf = (hour: number): number => Math.floor(hour / DAY_MS) * DAY_MS;

/** The same on the meter that every call counts on, and the hour of the day. */
export const requestsOf = (entry: CountedEntry, rule: BillingRule | undefined): { readonly hour: number; readonly quantities: HourTotal } => ({
  hour: (entry.hour - dayOf(entry.hour)) / HOUR_MS,
  quantities: quantitiesOf(entry, rule, REQUESTS_METER),
});

/**
 * Fold entries into totals by id: sums alone, so that any order and any split of the entries gives the same (invariant I2). Calls without
 * a subscription have no total: they are counted in the batches, and nobody is billed for them.
 */
export function totalsOf(entries: Iterable<CountedEntry>, ruleOf: RuleOf): Map<string, Total> {
  const totals = new Map<string, { total: Omit<Total, 'hours'>; hours: Map<number, HourTotal> }>();
  for (const entry of entries) {
    const { sub, window, hour, units } = entry;
    if (sub === '') continue;
    const rule = ruleOf(sub, window);
    const day = dayOf(hour);
    for (const meter of new Set([REQUESTS_METER, ...Object.keys(units)])) {
      const id = totalId({ sub, window, meter, day });
      const held = totals.get(id) ?? { total: { sub, window, meter, day }, hours: new Map<number, HourTotal>() };
      totals.set(id, held);
      const at = (hour - day) / HOUR_MS;
      held.hours.set(at, plus(held.hours.get(at) ?? NO_USAGE, quantitiesOf(entry, rule, meter)));
    }
  }
  return new Map([...totals].map(([id, { total, hours }]) => [id, { ...total, hours }]));
}

/** One quantity of one hour that a total and the batches disagree about. */
export interface TotalDifference {
  readonly sub: string;
  readonly window: string;
  readonly meter: string;
  /** Which part of it, such as `operation GET /things`; empty: all of it. */
  readonly part: string;
  /** Start of the hour, epoch ms. */
  readonly hour: number;
  readonly quantity: keyof HourTotal;
  readonly inTotals: bigint;
  readonly inBatches: bigint;
}

/** Where two counts of the same hours differ. */
export function hourDifferences(
  about: Pick<TotalDifference, 'meter' | 'part' | 'sub' | 'window'> & { readonly day: number },
  kept: ReadonlyMap<number, HourTotal> | undefined,
  counted: ReadonlyMap<number, HourTotal> | undefined,
): TotalDifference[] {
  const { sub, window, meter, part, day } = about;
  return [...new Set([...(kept?.keys() ?? []), ...(counted?.keys() ?? [])])].flatMap((hour) =>
    QUANTITIES.flatMap((quantity) => {
      const inTotals = kept?.get(hour)?.[quantity] ?? 0n;
      const inBatches = counted?.get(hour)?.[quantity] ?? 0n;
      return inTotals === inBatches ? [] : [{ sub, window, meter, part, hour: day + hour * HOUR_MS, quantity, inTotals, inBatches }];
    }),
  );
}

/** Where totals and what the batches say differ, in the order of time. */
export const differencesOf = (totals: ReadonlyMap<string, Total>, batches: ReadonlyMap<string, Total>): TotalDifference[] =>
  [...new Set([...totals.keys(), ...batches.keys()])]
    .flatMap((id) => {
      const [kept, counted] = [totals.get(id), batches.get(id)];
      const about = kept ?? counted;
      return about ? hourDifferences({ ...about, part: '' }, kept?.hours, counted?.hours) : [];
    })
    .sort((a, b) => a.hour - b.hour || (a.meter < b.meter ? -1 : a.meter > b.meter ? 1 : 0));
