/** The whole input of the billing command: how much of it is read, and what makes it unreadable as a whole. */
export const INPUT_BYTES_MAX = 16 * 1024 * 1024;
export const CASES_MAX = 10_000;

export type DoorInput = { readonly cases: readonly unknown[]; readonly fault?: undefined } | { readonly fault: string };

/** @returns the cases, or one line saying why there are none */
export function readDoorInput(bytes: Uint8Array): DoorInput {
  if (bytes.byteLength > INPUT_BYTES_MAX) return { fault: 'the input is over 16 MiB' };
  const json = parseExact(bytes);
  if (json === undefined) return { fault: 'the input is not JSON' };
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { fault: 'the top level must be an object' };
  const cases: unknown = Object.hasOwn(json, 'cases') ? (json as { cases: unknown }).cases : undefined;
  if (!Array.isArray(cases)) return { fault: '`cases` must be a list' };
  return cases.length > CASES_MAX ? { fault: `\`cases\` holds more than ${CASES_MAX} entries` } : { cases };
}

function parseExact(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    JSON.parse(text);
    return JSON.parse(keepFractions(text));
  } catch {
    return undefined;
  }
}

/** Any fraction will do: every integer of the billing shapes refuses it. */
const SOME_FRACTION = '0.5';

/**
 * JSON.parse reads 4503599627370496.5 as an integer, because a double holds no better. Such literals are exchanged for a plain fraction,
 * so that a fraction is refused as one, whatever its size.
 *
 * @param text  valid JSON
 */
function keepFractions(text: string): string {
  let out = '';
  let copied = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === 0x22) {
      at = endOfString(text, at);
    } else if (char === 0x2d || (char >= 0x30 && char <= 0x39)) {
      const end = endOfNumber(text, at);
      if (isHiddenFraction(text.slice(at, end))) {
        out += text.slice(copied, at) + SOME_FRACTION;
        copied = end;
      }
      at = end - 1;
    }
  }
  return out + text.slice(copied);
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1;
  return at;
}

function endOfNumber(text: string, start: number): number {
  let at = start;
  while (at < text.length && '+-.0123456789eE'.includes(text.charAt(at))) at += 1;
  return at;
}

/** Does the literal have a fraction that reading it as a double hides? */
function isHiddenFraction(literal: string): boolean {
  const match = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal);
  if (!match || (match[2] === undefined && match[3] === undefined)) return false;
  if (!Number.isInteger(Number(literal))) return false;
  const [whole, decimals, exponent] = [match[1] ?? '', match[2] ?? '', Number(match[3] ?? 0)];
  const significant = (whole + decimals).replace(/^0+/, '').replace(/0+$/, '');
  if (significant === '') return false;
  const trailingZeros = (whole + decimals).length - (whole + decimals).replace(/0+$/, '').length;
  // The last digit that is not zero stands this many places after the point.
  return decimals.length - trailingZeros - exponent > 0;
}
