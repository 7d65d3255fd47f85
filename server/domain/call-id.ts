const INSTANT_DIGITS = 9;
const NUMBER_DIGITS = 7;

const digits = (value: number, length: number): string => value.toString(32).padStart(length, '0').slice(-length);

/**
 * Mint ids for one boot of one node: `call_<instant><number>-<node>-<boot>`, the instant of admission in epoch ms and the count of the boot's calls, both in
 * digits of base 32 (`0-9a-v`), which sort as the numbers do. The record of a call lies in a batch of that boot, within ten minutes after the instant. The
 * instant is written anew only when the millisecond changes.
 */
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
