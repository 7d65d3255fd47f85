import { stringify } from 'csv-stringify/sync';
import type { Response } from 'express';

export type Cell = bigint | number | string | null;

/**
 * A table for a spreadsheet (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe in front; plain numbers,
 * negative ones too, stay numbers.
 */
export const csvText = (header: readonly string[], rows: readonly (readonly Cell[])[]): string =>
  stringify(
    [header, ...rows].map((row) => row.map(cellText)),
    { record_delimiter: '\r\n' },
  );

const NUMBER = /^-?\d+(\.\d+)?$/;
function cellText(cell: Cell): string {
  const text = cell === null ? '' : String(cell);
  return /^[=+\-@\t\r\n|%]/.test(text) && !NUMBER.test(text) ? `'${text}` : text;
}

/** Answer with a file of that name. */
export function sendCsv(res: Response, name: string, header: readonly string[], rows: readonly (readonly Cell[])[]): void {
  res
    .type('text/csv; charset=utf-8')
    .attachment(name)
    .send(`\uFEFF${csvText(header, rows)}`);
}
