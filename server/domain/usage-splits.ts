import { REQUESTS_METER } from './plan.ts';
import { dayOf, hourDifferences, NO_USAGE, plus, requestsOf, type CountedEntry, type HourTotal, type RuleOf, type TotalDifference } from './usage-totals.ts';

/** What the calls of a day are told apart by, beside their hour. */
export const DIMENSIONS = ['app', 'credential', 'operation', 'outcome'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** Different values of one dimension in one day that are counted by themselves; calls of any further one are counted together, under `OTHER_VALUE`. */
export const VALUES_MAX = 200;
/** No value reads like this: ids are `app_…`, operations `GET /…`, outcomes words or statuses. */
export const OTHER_VALUE = '(others)';

export type SplitEntry = CountedEntry & Readonly<Record<Dimension, string>>;

/** By value: the calls of each hour of the day, with what the meter `requests` says of them. */
export type Parts = ReadonlyMap<string, ReadonlyMap<number, HourTotal>>;

/** One window and day, split in each dimension: the parts of a dimension together are the total of that day. */
export interface Split {
  readonly sub: string;
  readonly window: string;
  /** Start of the day, UTC, epoch ms. */
  readonly day: number;
  readonly by: Readonly<Record<Dimension, Parts>>;
}

export const splitId = ({ sub, window, day }: Pick<Split, 'day' | 'sub' | 'window'>): string => `${sub}.${window}.${new Date(day).toISOString().slice(0, 10)}`;

export const NO_PARTS: Split['by'] = { app: new Map(), credential: new Map(), operation: new Map(), outcome: new Map() };

type Growing = Map<string, Map<number, HourTotal>>;
const empty = (): Record<Dimension, Growing> => ({ app: new Map(), credential: new Map(), operation: new Map(), outcome: new Map() });

function addPart(parts: Growing, value: string, hour: number, more: HourTotal): void {
  const hours = parts.get(value) ?? new Map<number, HourTotal>();
  parts.set(value, hours);
  hours.set(hour, plus(hours.get(hour) ?? NO_USAGE, more));
}

/** Fold entries into splits by id: sums alone, as totals are. Calls without a subscription have none. */
export function splitsOf(entries: Iterable<SplitEntry>, ruleOf: RuleOf): Map<string, Split> {
  const splits = new Map<string, Split & { by: Record<Dimension, Growing> }>();
  for (const entry of entries) {
    const { sub, window } = entry;
    if (sub === '') continue;
    const day = dayOf(entry.hour);
    const id = splitId({ sub, window, day });
    const split = splits.get(id) ?? { sub, window, day, by: empty() };
    splits.set(id, split);
    const { hour, quantities } = requestsOf(entry, ruleOf(sub, window));
    for (const dimension of DIMENSIONS) addPart(split.by[dimension], entry[dimension], hour, quantities);
  }
  return splits;
}

/** Add a split to the one it belongs to, in a collection of splits by id. */
export function addSplit(splits: Map<string, Split>, more: Split): void {
  const id = splitId(more);
  const held = splits.get(id);
  const by = empty();
  for (const dimension of DIMENSIONS) {
    for (const parts of [held?.by[dimension], more.by[dimension]]) {
      for (const [value, hours] of parts ?? []) for (const [hour, quantities] of hours) addPart(by[dimension], value, hour, quantities);
    }
  }
  splits.set(id, { sub: more.sub, window: more.window, day: more.day, by });
}

/** Values that are counted by themselves already, by dimension. */
export type KnownValues = Readonly<Record<Dimension, ReadonlySet<string>>>;
export const knownOf = ({ by }: Pick<Split, 'by'>): KnownValues => ({
  app: new Set(by.app.keys()),
  credential: new Set(by.credential.keys()),
  operation: new Set(by.operation.keys()),
  outcome: new Set(by.outcome.keys()),
});

/**
 * The split as its document has room for it: what is known keeps its own count, new values get one while there is room, and the rest is counted
 * together. A full document takes no new value, so that no value is ever counted in both ways.
 */
export function fitSplit(split: Split, known: KnownValues): Split {
  const by = empty();
  for (const dimension of DIMENSIONS) {
    const own = new Set(known[dimension]);
    own.delete(OTHER_VALUE);
    for (const [value, hours] of split.by[dimension]) {
      const fits = own.has(value) || own.size < VALUES_MAX;
      if (fits) own.add(value);
      for (const [hour, quantities] of hours) addPart(by[dimension], fits ? value : OTHER_VALUE, hour, quantities);
    }
  }
  return { sub: split.sub, window: split.window, day: split.day, by };
}

/** Where splits and what the batches say differ, in the order of time. */
export const splitDifferences = (splits: ReadonlyMap<string, Split>, batches: ReadonlyMap<string, Split>): TotalDifference[] =>
  [...new Set([...splits.keys(), ...batches.keys()])]
    .flatMap((id) => {
      const [kept, counted] = [splits.get(id), batches.get(id)];
      const about = kept ?? counted;
      if (!about) return [];
      return DIMENSIONS.flatMap((dimension) => {
        const [a, b] = [kept?.by[dimension], counted?.by[dimension]];
        return [...new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])])].flatMap((value) => {
          const part = `${dimension} ${value}`;
          return hourDifferences({ ...about, meter: REQUESTS_METER, part }, a?.get(value), b?.get(value));
        });
      });
    })
    .sort((a, b) => a.hour - b.hour || (a.part < b.part ? -1 : a.part > b.part ? 1 : 0));
