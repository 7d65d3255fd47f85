import { exactText, fraction, type Fraction } from './fraction.ts';
import { capLine, commitmentLine, sum } from './invoice-math.ts';
import { explainRating, explainRounding } from './invoice-words.ts';
import { splitNet } from './ledger.ts';
import { unitWord } from './plan-words.ts';
import type { Meter, Plan } from './plan.ts';
import { priceForShare, rateLine } from './pricing.ts';
import { shareOf } from './proration.ts';
import { dateWords } from './time.ts';
import type { Period } from './values.ts';

/** A line before the money on it is divided. */
export interface LineDraft {
  /** Stable: `base`, `setup`, `<meter>.<window>.<version>`, `commitment.<period>`, `cap.<period>`, `adj.<period>.<meter>`. */
  readonly key: string;
  readonly text: string;
  readonly quantity: bigint | null;
  readonly exact: string;
  readonly amountMinor: bigint;
  readonly explanation: readonly string[];
}

/** What was used in one window of a period, by meter; units that are billable under the window's plan version (rule N14). */
export interface WindowUsage {
  /** `<period>.<change>` */
  readonly key: string;
  /** [start, end) */
  readonly at: Period;
  readonly versionId: string;
  /** Product and plan by the names that people know: `Cities (Starter)`. */
  readonly planName: string;
  readonly plan: Plan;
  readonly units: ReadonlyMap<string, bigint>;
}

export interface PeriodUsage {
  readonly index: number;
  readonly period: Period;
  readonly windows: readonly WindowUsage[];
}

/** A line that was billed for a period before, as far as an adjustment must know it. */
export interface BilledLine {
  readonly key: string;
  readonly quantity: bigint;
  readonly amountMinor: bigint;
}

const WHOLE: Fraction = fraction(1n);
const span = ({ startAt, endAt }: Period): string => `${dateWords(startAt)} – ${dateWords(endAt)}`;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const flat = (key: string, text: string, amountMinor: bigint): LineDraft => ({
  key,
  text,
  quantity: null,
  exact: amountMinor.toString(),
  amountMinor,
  explanation: [],
});

/** The base fee of a period that begins, in advance (rule N5). @param period  null while its boundaries are not known, as on invoice 0 */
export const baseLine = (plan: Plan, planName: string, period: Period | null): LineDraft =>
  flat('base', `${planName}: fee for ${period ? span(period) : `the first ${plan.interval}`}`, plan.baseMinor);

export const setupLine = (plan: Plan, planName: string): LineDraft => flat('setup', `${planName}: set-up, once`, plan.setupMinor);

function meterLine({ key, at, versionId, planName, plan, units }: WindowUsage, share: Fraction, meter: Meter): LineDraft {
  const quantity = units.get(meter.code) ?? 0n;
  const price = share.n === share.d ? meter.price : priceForShare(meter.price, share);
  const line = rateLine(price, quantity, plan.currency);
  return {
    key: `${meter.code}.${key}.${versionId}`,
    text: `${planName}: ${unitWord(meter.code)}, ${span(at)}`,
    quantity,
    exact: exactText(line.exact),
    amountMinor: line.amountMinor,
    explanation: [...explainRating(price, quantity, plan.currency, meter.code), ...explainRounding(line.exact, line.amountMinor, plan.currency)],
  };
}

const shareOfWindow = ({ period, windows }: PeriodUsage, window: WindowUsage): Fraction =>
  windows.length === 1 ? WHOLE : shareOf(period, window.at.startAt, window.at.endAt);

/** A period's usage, one line per window and meter, and after them what a minimum commitment or a cap adds (rules N7, N12). */
export function usageLines(usage: PeriodUsage): LineDraft[] {
  const lines = usage.windows.flatMap((window) => window.plan.meters.map((meter) => meterLine(window, shareOfWindow(usage, window), meter)));
  return [...lines, ...boundLines(usage, sum(lines.map(({ amountMinor }) => amountMinor)))];
}

/** The commitment and the cap are those of the version that the period ended under. */
function boundLines({ index, windows }: PeriodUsage, usedMinor: bigint): LineDraft[] {
  const plan = windows.at(-1)?.plan;
  if (!plan) return [];
  const trueUp = commitmentLine(usedMinor, plan.minCommitMinor);
  const capped = plan.capMinor === null ? 0n : capLine(usedMinor, plan.capMinor);
  return [
    ...(trueUp === 0n ? [] : [flat(`commitment.${index}`, 'Up to the agreed minimum', trueUp)]),
    ...(capped === 0n ? [] : [flat(`cap.${index}`, 'Down to the agreed maximum', capped)]),
  ];
}

/** Which adjustment a line of a period's usage belongs to: `<meter>`, `commitment` or `cap`. Undefined: it is of another period. */
function subjectOf(key: string, index: number): string | undefined {
  const parts = key.split('.');
  if (parts[0] === 'adj') return parts[1] === `${index}` ? parts[2] : undefined;
  if (parts[0] === 'commitment' || parts[0] === 'cap') return parts[1] === `${index}` ? parts[0] : undefined;
  return parts.length >= 4 && parts[1] === `${index}` ? parts[0] : undefined;
}

/**
 * Usage that came after its period was closed: the whole period is rated again, under its own versions, commitment and cap, and the
 * difference to what was billed for it so far is a line of the next invoice (rule N9). Nothing new, no line.
 *
 * @param billed  every line of the subscription's invoices that stand
 */
export function adjustmentLines(usage: PeriodUsage, billed: readonly BilledLine[]): LineDraft[] {
  const due = new Map<string, { quantity: bigint; amountMinor: bigint }>();
  const add = (subject: string, quantity: bigint, amountMinor: bigint): void => {
    const before = due.get(subject) ?? { quantity: 0n, amountMinor: 0n };
    due.set(subject, { quantity: before.quantity + quantity, amountMinor: before.amountMinor + amountMinor });
  };
  for (const { key, quantity, amountMinor } of usageLines(usage)) add(subjectOf(key, usage.index) ?? key, quantity ?? 0n, amountMinor);
  for (const { key, quantity, amountMinor } of billed) {
    const subject = subjectOf(key, usage.index);
    if (subject !== undefined) add(subject, -quantity, -amountMinor);
  }
  return [...due]
    .filter(([, { quantity, amountMinor }]) => quantity !== 0n || amountMinor !== 0n)
    .map(([subject, { quantity, amountMinor }]) => {
      const isBound = subject === 'commitment' || subject === 'cap';
      const what = isBound ? `Agreed ${subject === 'cap' ? 'maximum' : 'minimum'}` : `${capital(unitWord(subject))} recorded later`;
      return {
        key: `adj.${usage.index}.${subject}`,
        text: `${what}, ${span(usage.period)}`,
        quantity: isBound ? null : quantity,
        exact: amountMinor.toString(),
        amountMinor,
        explanation: isBound ? [] : ['The whole period rated again, less what was billed for it before.'],
      };
    });
}

/** A line with its money divided between platform and provider (rule N17). */
export interface DividedLine extends LineDraft {
  readonly feeMinor: bigint;
  readonly providerMinor: bigint;
}

export const divide = (lines: readonly LineDraft[], feeBps: bigint, currency: { readonly stepMinor: bigint }): DividedLine[] =>
  lines.map((line) => ({ ...line, ...splitNet(line.amountMinor, feeBps, currency) }));
