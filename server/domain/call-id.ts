/**
 * A call id tells where its record is: `call_<instant><number>-<node>-<boot>`. Its record lies in a batch of that node's boot, within
 * the ten minutes after the instant. Digits of base 32 (`0-9a-v`) sort as the numbers do.
 */
export interface CallId {
  /** Admission, epoch ms. */
  readonly at: number;
  /** Counts the calls of one boot. */
  readonly n: number;
  readonly node: string;
  readonly boot: number;
}

const INSTANT_DIGITS = 9;
const NUMBER_DIGITS = 7;
const SHAPE = /^call_([0-9a-v]{9})([0-9a-v]{7})-([a-z0-9-]{1,40})-([0-9]{1,15})$/;

const digits = (value: number, length: number): string => value.toString(32).padStart(length, '0').slice(-length);

/** Mint ids for one boot of one node. The instant is written anew only when the millisecond changes. */
export function callIds({ node, boot }: { node: string; boot: number }): (at: number) => string {
  const suffix = `-${node}-${boot}`;
  let instant = -1;
  let prefix = '';
  let n = 0;
  return (at) => {
    if (at !== instant) {
      instant = at;
      prefix = `call_${digits(at, INSTANT_DIGITS)}`;
    }
    n += 1;
    return prefix + digits(n, NUMBER_DIGITS) + suffix;
  };
}

/** What a call id says; null when it is none of ours. */
export function readCallId(text: string): CallId | null {
  const parts = SHAPE.exec(text);
  if (!parts) return null;
  const [, at = '', n = '', node = '', boot = ''] = parts;
  return { at: parseInt(at, 32), n: parseInt(n, 32), node, boot: Number(boot) };
}
