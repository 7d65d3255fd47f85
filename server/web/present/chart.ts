import { grouped } from './number.ts';

export interface ChartPoint {
  /** What stands below the bar and in the table: `14 Jun`. */
  readonly label: string;
  readonly value: bigint | number;
}

/** A bar chart as `partials/chart` draws it; the same numbers stand in a table below. */
export interface ChartModel {
  readonly title: string;
  readonly unit: string;
  readonly width: number;
  readonly height: number;
  readonly total: string;
  readonly grid: readonly { readonly y: number; readonly textY: number; readonly text: string }[];
  readonly bars: readonly { readonly x: number; readonly y: number; readonly width: number; readonly height: number; readonly title: string }[];
  readonly labels: readonly { readonly x: number; readonly text: string }[];
  readonly rows: readonly { readonly label: string; readonly value: string }[];
  readonly baseline: number;
}

const WIDTH = 720;
const HEIGHT = 200;
const LEFT = 56;
const BOTTOM = 24;
const TOP = 8;
const LABELS_MAX = 10;
const GRID_LINES = 4;

/**
 * Bars of one series, drawn on the server: it prints, needs no script and is read out as a table.
 *
 * @param unit  what is counted, for the table's head and the tips: `calls`
 */
export function barChart({ title, unit, points }: { title: string; unit: string; points: readonly ChartPoint[] }): ChartModel {
  const values = points.map(({ value }) => BigInt(value));
  const top = niceTop(values.reduce((most, value) => (value > most ? value : most), 0n));
  const plot = HEIGHT - TOP - BOTTOM;
  const slot = (WIDTH - LEFT) / Math.max(1, points.length);
  // Thousandths of the plot's height, so that counts beyond 2⁵³ are drawn right as well.
  const heightOf = (value: bigint): number => round((Number((value * 100_000n) / top) / 100_000) * plot);
  const every = Math.ceil(points.length / LABELS_MAX);
  return {
    title,
    unit,
    width: WIDTH,
    height: HEIGHT,
    baseline: HEIGHT - BOTTOM,
    total: grouped(values.reduce((sum, value) => sum + value, 0n)),
    grid: Array.from({ length: GRID_LINES + 1 }, (_entry, n) => {
      const y = round(HEIGHT - BOTTOM - (plot * n) / GRID_LINES);
      return { y, textY: y + 4, text: grouped((top * BigInt(n)) / BigInt(GRID_LINES)) };
    }),
    bars: values.map((value, n) => {
      const height = value > 0n ? Math.max(1, heightOf(value)) : 0;
      return {
        x: round(LEFT + slot * n + slot * 0.15),
        y: round(HEIGHT - BOTTOM - height),
        width: round(slot * 0.7),
        height,
        title: `${points[n]?.label ?? ''}: ${grouped(value)} ${unit}`,
      };
    }),
    labels: points.flatMap(({ label }, n) => (n % every === 0 ? [{ x: round(LEFT + slot * n + slot / 2), text: label }] : [])),
    rows: points.map(({ label }, n) => ({ label, value: grouped(values[n] ?? 0n) })),
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** The next of 4, 8, 20, 40, 80, 200 …: four grid lines fall on whole numbers. */
function niceTop(most: bigint): bigint {
  for (let power = 1n; ; power *= 10n) {
    for (const step of [4n, 8n, 20n]) if (most <= step * power) return step * power;
  }
}
