/** `1,234,567`: groups of three for whole numbers of any size; the numbers of a page are read as text, never rounded. */
export function grouped(value: number | bigint | string): string {
  const [whole = '', fraction] = String(value).split('.');
  const text = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? text : `${text}.${fraction}`;
}

/** `1 call`, `2 calls`, `1,000 calls`; `many` is given where adding an s is not enough. */
export const counted = (count: number | bigint, one: string, many = `${one}s`): string => `${grouped(count)} ${BigInt(count) === 1n ? one : many}`;

/**
 * Share of a whole in percent, for a bar: 0 to 100, rounded down, so that a bar is full only when nothing is left.
 * An empty whole counts as used up.
 */
export function percentOf(part: number | bigint, whole: number | bigint): number {
  if (BigInt(whole) <= 0n) return 100;
  const percent = (BigInt(part) * 100n) / BigInt(whole);
  return Number(percent < 0n ? 0n : percent > 100n ? 100n : percent);
}
