import { parseDocument as parseYaml } from 'yaml';
import { DEPTH_MAX, DOCUMENT_BYTES_MAX } from './reading.ts';

export type JsonMap = Record<string, unknown>;
export type ParseResult = { readonly document: JsonMap; readonly notes: readonly string[]; readonly refusal?: undefined } | { readonly refusal: string };

/** An anchor may be used this often: far above honest documents, far below what explodes. */
const ALIASES_MAX = 1_000;
const TOO_DEEP = { refusal: `The document is nested too deeply; at most ${DEPTH_MAX} levels are read.` } as const;
const VALUES_MAX = 5_000_000;
/** Text that begins like JSON and is none is tried as YAML up to here: YAML's reader is a hundred times slower. */
const YAML_RETRY_BYTES_MAX = 1024 * 1024;

export const isMap = (value: unknown): value is JsonMap => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Bytes → one plain object, bounded in bytes, depth and number of values. Runs in the worker only: hostile text may take all its time. */
export function parseDocument(bytes: Uint8Array): ParseResult {
  if (bytes.length > DOCUMENT_BYTES_MAX) return { refusal: 'The document has more than 16 MiB.' };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { refusal: 'The document is not valid UTF-8 text. Save it as UTF-8 and upload it again.' };
  }
  if (text.trim() === '') return { refusal: 'The document is empty.' };
  const parsed = /^\s*[{[]/.test(text) ? parseJson(text) : parseYamlText(text);
  return parsed.refusal === undefined ? bounded(parsed) : parsed;
}

type Parsed = { readonly value: unknown; readonly notes: readonly string[]; readonly refusal?: undefined } | { readonly refusal: string };

function parseJson(text: string): Parsed {
  try {
    return { value: JSON.parse(text), notes: [] };
  } catch (error) {
    const yaml = text.length <= YAML_RETRY_BYTES_MAX ? parseYamlText(text) : undefined;
    if (yaml && yaml.refusal === undefined) return yaml;
    // Node names no position for a short text; there the other reader's line is as good.
    const line = /line \d+/.exec(yaml?.refusal ?? '')?.[0];
    return { refusal: `The document is not valid JSON: ${jsonFault(text, error, line)}` };
  }
}

function jsonFault(text: string, error: unknown, line: string | undefined): string {
  const message = error instanceof Error ? error.message : String(error);
  const position = Number(/position (\d+)/.exec(message)?.[1] ?? NaN);
  if (Number.isNaN(position)) return `${line === undefined ? '' : `${line}: `}${message.replace(/, \.{0,3}".*/s, '').slice(0, 200)}.`;
  const before = text.slice(0, position);
  return `line ${before.split('\n').length}, column ${position - before.lastIndexOf('\n')}: ${message.replace(/ in JSON.*| at position.*/s, '').slice(0, 200)}.`;
}

function parseYamlText(text: string): Parsed {
  try {
    const document = parseYaml(text, { prettyErrors: false, logLevel: 'silent', merge: true });
    const lineOf = (at: number) => text.slice(0, at).split('\n').length;
    const duplicates = document.errors.filter(({ code }) => code === 'DUPLICATE_KEY');
    const [broken] = document.errors.filter(({ code }) => code !== 'DUPLICATE_KEY');
    if (broken && /call stack/.test(broken.message)) return TOO_DEEP;
    if (broken) return { refusal: `The document is not valid YAML: line ${lineOf(broken.pos[0])}: ${broken.message.split('\n')[0]?.slice(0, 200) ?? ''}.` };
    const notes = duplicates.slice(0, 20).map(({ pos }) => `Line ${lineOf(pos[0])}: a key stands twice; the last one counts.`);
    return { value: document.toJS({ maxAliasCount: ALIASES_MAX }), notes };
  } catch (error) {
    if (error instanceof ReferenceError) return { refusal: 'The document repeats its anchors too often: expanded, it would be huge.' };
    if (error instanceof RangeError) return TOO_DEEP;
    if (error instanceof Error && error.name.startsWith('YAML'))
      return { refusal: `The document is not valid YAML: ${error.message.split('\n')[0]?.slice(0, 200) ?? ''}` };
    throw error;
  }
}

/** Walk without recursion; a value reached over several anchors is counted each time, so that what comes later may walk it as a tree. */
function bounded({ value, notes }: { value: unknown; notes: readonly string[] }): ParseResult {
  if (!isMap(value)) return { refusal: 'The document holds no OpenAPI or Swagger description: it is not an object.' };
  const rest: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  let count = 0;
  let dropped = 0;
  for (let next = rest.pop(); next; next = rest.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (next.depth > DEPTH_MAX) return TOO_DEEP;
    if (Object.hasOwn(next.value, '__proto__')) {
      delete (next.value as JsonMap)['__proto__'];
      dropped += 1;
    }
    const inner = Object.values(next.value);
    if ((count += inner.length) > VALUES_MAX) return { refusal: 'The document holds more values than can be read.' };
    for (const entry of inner) rest.push({ value: entry, depth: next.depth + 1 });
  }
  return { document: value, notes: dropped === 0 ? notes : [...notes, `${dropped} keys named __proto__ were left out.`] };
}
