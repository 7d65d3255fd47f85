import { OTHER_VALUE, VALUES_MAX } from '../../domain/usage-splits.ts';
import type { UsageDimension, UsageRow } from '../../services/metering.ts';
import { barChart, type ChartModel } from './chart.ts';
import { address } from './pagination.ts';
import { dateWords, timeWords } from './time.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What the page offers to split by; the rest of the dimensions are the chart's. */
export const SPLITS = ['operation', 'app', 'credential', 'outcome', 'subscription'] as const;
export type Split = (typeof SPLITS)[number];
export const SPLIT_WORDS: Readonly<Record<Split, string>> = { operation: 'Operation', app: 'App', credential: 'Key', outcome: 'Answer', subscription: 'API' };

export const RANGES = ['24h', '7d', '30d', 'period', 'custom'] as const;
export type Range = (typeof RANGES)[number];
const RANGE_WORDS: Readonly<Record<Range, string>> = {
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  period: 'This period',
  custom: 'From … to',
};
const RANGE_MS: Readonly<Record<'24h' | '7d' | '30d', number>> = { '24h': DAY_MS, '7d': 7 * DAY_MS, '30d': 30 * DAY_MS };

/** At most this much at once: charts and tables stay readable, and the reading bounded. */
export const SPAN_DAYS_MAX = 92;

/** A usage page as its address says it; all of it is a link that can be shared. */
export interface UsageQuery {
  /** Null: all of them. */
  readonly subscriptionId: string | null;
  readonly by: Split;
  readonly range: Range;
  /** [from, to), epoch ms. */
  readonly from: number;
  readonly to: number;
  readonly fault: string | null;
}

/** An instant or a day; a day as the end means its end. */
function readTime(value: unknown, isEnd: boolean): number | null {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}(T[0-9:.]{5,12}Z)?$/.test(value)) return null;
  const at = Date.parse(value.length === 10 ? `${value}T00:00:00Z` : value);
  return Number.isNaN(at) ? null : value.length === 10 && isEnd ? at + DAY_MS : at;
}

/** @param period  the running period of the chosen subscription, for the range of that name */
export function readUsageQuery(query: Readonly<Record<string, unknown>>, now: number, period: { startAt: number; endAt: number } | null): UsageQuery {
  const subscriptionId = typeof query['subscription'] === 'string' && /^sub_[a-z0-9]{1,40}$/.test(query['subscription']) ? query['subscription'] : null;
  const by = SPLITS.find((split) => split === query['by']) ?? 'operation';
  const [from, to] = [readTime(query['from'], false), readTime(query['to'], true)];
  const asked = RANGES.find((range) => range === query['range']) ?? (from !== null && to !== null ? 'custom' : '7d');
  // To the end of the running hour, so that the last bar is the present one.
  const end = Math.ceil((now + 1) / HOUR_MS) * HOUR_MS;
  const fallback = { subscriptionId, by, range: '7d' as const, from: end - RANGE_MS['7d'], to: end };
  if (asked === 'custom') {
    if (from === null || to === null) return { ...fallback, fault: 'Give both days, like 2026-11-24.' };
    if (from >= to) return { ...fallback, fault: 'The first day must come before the last.' };
    if (to - from > SPAN_DAYS_MAX * DAY_MS) return { ...fallback, fault: `At most ${SPAN_DAYS_MAX} days can be shown at once.` };
    return { subscriptionId, by, range: asked, from, to, fault: null };
  }
  if (asked === 'period')
    return period ? { subscriptionId, by, range: asked, from: period.startAt, to: Math.min(period.endAt, end), fault: null } : { ...fallback, fault: null };
  return { subscriptionId, by, range: asked, from: end - RANGE_MS[asked], to: end, fault: null };
}

const iso = (at: number): string => new Date(at).toISOString();
const day = (at: number): string => iso(at).slice(0, 10);

/** The address of the same page with something changed. */
export function usageLink(path: string, query: UsageQuery, change: Partial<Pick<UsageQuery, 'by' | 'range' | 'subscriptionId'>> = {}): string {
  const { subscriptionId, by, range, from, to } = { ...query, ...change };
  return address(path, { subscription: subscriptionId, by, range, ...(range === 'custom' && { from: iso(from), to: iso(to) }) });
}

/** The form above the tables, and the links that change one thing. */
export const usageControls = (query: UsageQuery, hasPeriod: boolean) => ({
  splits: SPLITS.filter((split) => split !== 'subscription' || query.subscriptionId === null).map((split) => ({
    text: `By ${SPLIT_WORDS[split].toLowerCase()}`,
    href: usageLink('/usage', query, { by: split }),
    current: split === query.by,
  })),
  ranges: RANGES.filter((range) => range !== 'period' || hasPeriod).map((value) => ({ value, label: RANGE_WORDS[value], selected: value === query.range })),
  by: query.by,
  fault: query.fault,
  fromDay: day(query.from),
  toDay: day(query.to - 1),
  csv: usageLink('/usage.csv', query),
  words: `${timeWords(query.from)} up to ${timeWords(query.to)}`,
});

/** What an outcome is called: a status as it is, our own words in plain ones. */
export function outcomeWords(outcome: string): string {
  if (/^\d{3}$/.test(outcome)) return outcome;
  if (outcome.startsWith('refused.')) return `refused: ${outcome.slice(8).replaceAll('-', ' ')}`;
  return (
    {
      aborted: 'left by the caller',
      broken: 'broken off by the provider',
      unknown: 'delivery unknown',
      mock: 'answered by the gateway',
      cache: 'from the cache',
      replay: 'repeated answer',
    }[outcome] ?? outcome
  );
}

/** `24 Nov 2026, 08:03:12 UTC`: calls are told apart by the second. */
export const secondWords = (at: number): string => `${dateWords(at)}, ${iso(at).slice(11, 19)} UTC`;

export const mostCallsFirst = (rows: readonly UsageRow[]): UsageRow[] =>
  [...rows].sort((a, b) => (a.calls < b.calls ? 1 : a.calls > b.calls ? -1 : a.key < b.key ? -1 : 1));

/** Rows by the names they are shown under. */
export function usageRows(rows: readonly UsageRow[], names: ReadonlyMap<string, string>, by: Split) {
  const nameOf = (key: string): string => {
    if (key === OTHER_VALUE) return `all others (of days with more than ${VALUES_MAX} different ones)`;
    return by === 'outcome' ? outcomeWords(key) : by === 'operation' ? key : (names.get(key) ?? (key === '' ? 'without one' : key));
  };
  return rows.map((row) => ({ ...row, name: nameOf(row.key), bytes: row.bytesOut }));
}

export function usageTotals(rows: readonly UsageRow[]) {
  const sum = (part: 'billable' | 'bytesOut' | 'calls' | 'failed' | 'units') => rows.reduce((total, row) => total + row[part], 0n);
  return { calls: sum('calls'), billable: sum('billable'), units: sum('units'), failed: sum('failed'), bytesOut: sum('bytesOut') };
}

/** By hour for up to two days, by day beyond; every hour or day of the range has its bar, empty ones too. */
export const chartUnit = ({ from, to }: Pick<UsageQuery, 'from' | 'to'>): Extract<UsageDimension, 'day' | 'hour'> => (to - from <= 2 * DAY_MS ? 'hour' : 'day');

export function usageChart(rows: readonly UsageRow[], query: UsageQuery): ChartModel {
  const unit = chartUnit(query);
  const step = unit === 'hour' ? HOUR_MS : DAY_MS;
  const calls = new Map(rows.map(({ key, calls: count }) => [Number(key), count]));
  const points = [];
  for (let at = Math.floor(query.from / step) * step; at < query.to; at += step) {
    points.push({ label: unit === 'hour' ? iso(at).slice(11, 16) : dateWords(at).replace(/ \d{4}$/, ''), value: calls.get(at) ?? 0n });
  }
  return barChart({ title: unit === 'hour' ? 'Calls by the hour' : 'Calls by the day', unit: 'calls', points });
}
