import { compileErrors, validate } from '@readme/openapi-parser';
import { mapDocument } from './mapping.ts';
import { parseDocument } from './parse.ts';
import { FAULTS_MAX, type WorkerMessage } from './reading.ts';
import { withholdSecrets } from './withheld.ts';

/**
 * Read a document step by step. The reading is told before the document is checked against its specification: that check is the part that
 * may run out of time or memory. Nothing outside of the document is opened or fetched.
 */
export async function readDocument(bytes: Uint8Array, tell: (message: WorkerMessage) => void): Promise<void> {
  const parsed = parseDocument(bytes);
  if (parsed.refusal !== undefined) return tell({ kind: 'refusal', refusal: parsed.refusal });
  const withheld = withholdSecrets(parsed.document);
  if (withheld.length > 0) tell({ kind: 'withheld', text: JSON.stringify(parsed.document) });
  const mapped = mapDocument(parsed.document, [...parsed.notes, ...withheld]);
  if (mapped.refusal !== undefined) return tell({ kind: 'refusal', refusal: mapped.refusal });
  tell({ kind: 'reading', reading: mapped.reading });
  tell({ kind: 'faults', ...(await faultsOf(parsed.document)) });
}

async function faultsOf(document: object): Promise<{ faults: string[]; moreFaults: number }> {
  try {
    const result = await validate(document as Parameters<typeof validate>[0], { resolve: { external: false }, validate: { errors: { colorize: false } } });
    if (result.valid) return { faults: [], moreFaults: 0 };
    const faults = result.errors.map(({ message }) => firstLines(message));
    return { faults: faults.slice(0, FAULTS_MAX), moreFaults: result.additionalErrors + Math.max(0, faults.length - FAULTS_MAX) };
  } catch (error) {
    // References that lead nowhere or outside end the check; they are a fault like any other.
    return { faults: [firstLines(error instanceof Error ? error.message : compileErrors(error as never))], moreFaults: 0 };
  }
}

/** A message of the validator in one line: what is wrong and where, as the document reads when it is indented by two spaces. */
function firstLines(message: string): string {
  const lines = message
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const place = /^>\s*(\d+) \|\s*(.*)$/.exec(lines.find((line) => line.startsWith('>')) ?? '');
  const what = /^\|\s*\^+\s*(.*?)!?$/.exec(lines.find((line) => /^\|\s*\^/.test(line)) ?? '')?.[1];
  const words = what ?? lines[0] ?? '';
  return place ? `${words.slice(0, 200)}, about line ${place[1]}: ${place[2]?.slice(0, 120)}` : lines.slice(0, 2).join(' ').slice(0, 400);
}
