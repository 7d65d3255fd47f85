import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify/sync';
import type { Response } from 'express';

export type Cell = bigint | number | string | null;

/**
 * A table for a spreadsheet (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe in front; plain numbers,
 * negative ones too, stay numbers.
 */
export const csvText = (header: readonly string[], rows: readonly (readonly Cell[])[]): string => csvLines([header, ...rows]);

const csvLines = (rows: readonly (readonly Cell[])[]): string =>
  stringify(
    rows.map((row) => row.map(cellText)),
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

/** Answer with a file of that name, row by row as they come: however many there are, no more than a part is held. */
export async function streamCsv(res: Response, name: string, header: readonly string[], parts: AsyncIterable<readonly (readonly Cell[])[]>): Promise<void> {
  async function* text(): AsyncGenerator<string> {
    yield `\uFEFF${csvText(header, [])}`;
    for await (const rows of parts) yield csvLines(rows);
  }
  res.type('text/csv; charset=utf-8').attachment(name);
  await pipeline(Readable.from(text()), res);
}
