/**
 * Network addresses as numbers, and lists of them compiled to sorted ranges: a look-up is two comparisons a step, where `BlockList`
 * costs forty times as much. IPv4 is looked up in plain numbers, IPv6 in bigints; `::ffff:a.b.c.d` is the IPv4 address it carries.
 */
export interface AddressRanges {
  /** Inclusive starts and ends in turn, ascending, merged. */
  readonly v4: readonly number[];
  readonly v6: readonly bigint[];
}

export interface AddressPolicy {
  readonly kind: 'PERMIT' | 'DENY';
  readonly ranges: AddressRanges;
}

const MAPPED = 0xffffn << 32n;
const V4_MAX = 0xffff_ffff;
const V6_MAX = (1n << 128n) - 1n;

/** Dotted quad without leading zeros (`0177.0.0.1` means different things to different parsers); null when it is none. */
export function parseV4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    value = value * 256 + Number(part);
  }
  return value;
}

/** An IPv6 address, also with an embedded dotted quad; a zone (`%eth0`) is not accepted. */
export function parseV6(text: string): bigint | null {
  let source = text;
  const quad = /^(.*:)([0-9.]+\.[0-9.]+)$/.exec(text);
  if (quad) {
    const low = parseV4(quad[2] ?? '');
    if (low === null) return null;
    source = `${quad[1]}${Math.floor(low / 65_536).toString(16)}:${(low % 65_536).toString(16)}`;
  }
  const halves = source.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = (head?.length ?? 0) + (tail?.length ?? 0);
  if (halves.length === 1 ? given !== 8 : given > 7) return null;
  const groups = [...(head ?? []), ...Array<string>(8 - given).fill('0'), ...(tail ?? [])];
  let value = 0n;
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return value;
}

/** Any address: a number for IPv4 and for IPv4 mapped into IPv6, a bigint for IPv6; null when it is none. */
export function parseAddress(text: string): number | bigint | null {
  if (!text.includes(':')) return parseV4(text);
  const value = parseV6(text);
  return value !== null && value >> 32n === MAPPED >> 32n ? Number(value & 0xffff_ffffn) : value;
}

/**
 * Compile entries: an address, a CIDR block (`10.0.0.0/8`) or a range (`10.0.0.1-10.0.0.9`), IPv4 and IPv6 mixed.
 * @throws RangeError naming the first entry that is none of these
 */
export function compileAddresses(entries: readonly string[]): AddressRanges {
  const v4: [number, number][] = [];
  const v6: [bigint, bigint][] = [];
  for (const entry of entries) {
    const bounds = boundsOf(entry.trim());
    if (!bounds) throw new RangeError(`not an address, a block or a range: ${entry}`);
    const [from, to] = bounds;
    if (typeof from === 'number' && typeof to === 'number') v4.push([from, to]);
    else if (typeof from === 'bigint' && typeof to === 'bigint') v6.push([from, to]);
    else throw new RangeError(`mixes IPv4 and IPv6: ${entry}`);
  }
  return { v4: merged(v4, (end) => end + 1), v6: merged(v6, (end) => end + 1n) };
}

/** An entry that {@link compileAddresses} takes. */
export function isAddressEntry(entry: string): boolean {
  const bounds = boundsOf(entry.trim());
  return bounds !== null && typeof bounds[0] === typeof bounds[1];
}

function boundsOf(entry: string): [number | bigint, number | bigint] | null {
  const block = /^(.+)\/([0-9]{1,3})$/.exec(entry);
  if (block) return blockBounds(block[1] ?? '', Number(block[2]));
  const [first = '', last] = entry.split('-').map((part) => part.trim());
  const from = parseAddress(first);
  const to = last === undefined ? from : parseAddress(last);
  return from === null || to === null || (typeof from === typeof to && to < from) ? null : [from, to];
}

function blockBounds(text: string, bits: number): [number | bigint, number | bigint] | null {
  const base = text.includes(':') ? parseV6(text) : parseV4(text);
  if (typeof base === 'number') {
    if (bits > 32) return null;
    const size = 2 ** (32 - bits);
    const from = Math.floor(base / size) * size;
    return [from, from + size - 1];
  }
  if (base === null || bits > 128) return null;
  const size = 1n << BigInt(128 - bits);
  const from = (base / size) * size;
  const to = from + size - 1n;
  if (from >= MAPPED && to <= MAPPED + 0xffff_ffffn) return [Number(from - MAPPED), Number(to - MAPPED)];
  return [from, to];
}

function merged<T extends number | bigint>(ranges: [T, T][], next: (end: T) => T): T[] {
  const flat: T[] = [];
  for (const [from, to] of ranges.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const end = flat[flat.length - 1];
    if (end !== undefined && from <= next(end)) flat[flat.length - 1] = to > end ? to : end;
    else flat.push(from, to);
  }
  return flat;
}

/** Is the address in one of the ranges? */
export function inRanges({ v4, v6 }: AddressRanges, address: number | bigint): boolean {
  return typeof address === 'number' ? within(v4, address) : within(v6, address);
}

function within<T extends number | bigint>(flat: readonly T[], value: T): boolean {
  let low = 0;
  let high = flat.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (value < (flat[2 * middle] as T)) high = middle - 1;
    else if (value > (flat[2 * middle + 1] as T)) low = middle + 1;
    else return true;
  }
  return false;
}

export const EVERY_ADDRESS: AddressRanges = { v4: [0, V4_MAX], v6: [0n, V6_MAX] };

/** Is every address of the inner ranges in the outer ones, too? */
export const isWithin = (inner: AddressRanges, outer: AddressRanges): boolean => covered(inner.v4, outer.v4) && covered(inner.v6, outer.v6);

/** Both merged: what is covered lies in one range whole. */
const covered = <T extends number | bigint>(inner: readonly T[], outer: readonly T[]): boolean =>
  inner.every((from, i) => i % 2 === 1 || outer.some((start, j) => j % 2 === 0 && start <= from && (inner[i + 1] as T) <= (outer[j + 1] as T)));

/** May a caller from here pass? What is no address (a caller that has already gone) never passes. */
export function admits(policy: AddressPolicy | null, address: string): boolean {
  if (policy === null) return true;
  const value = parseAddress(address);
  return value !== null && inRanges(policy.ranges, value) === (policy.kind === 'PERMIT');
}

/** Addresses that are nobody's on the public internet: a provider that names one would reach into our own network. */
const PRIVATE = compileAddresses([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/127',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
  '::/96',
  // Only 2000::/3 is global unicast; the rest is reserved, or IPv4 in disguise (::ffff:0:a.b.c.d).
  '::/3',
  '4000::/2',
  '8000::/1',
]);

/** True for every address that must not be connected to on a provider's word, and for what is no address at all. */
export function isPrivateAddress(text: string): boolean {
  const value = parseAddress(text);
  return value === null || inRanges(PRIVATE, value) || (typeof value === 'number' && value > V4_MAX) || (typeof value === 'bigint' && value > V6_MAX);
}

/**
 * Who is one client for counting attempts: an IPv4 address, or the /64 of an IPv6 address, of which every household has 2⁶⁴.
 * What is no address stands for itself.
 */
export function networkOf(text: string): string {
  const value = parseAddress(text);
  return typeof value === 'bigint' ? `${(value >> 64n).toString(16)}/64` : value === null ? text : `v4:${value}`;
}

const LOOPBACK = compileAddresses(['127.0.0.0/8', '::1']);
export function isLoopback(text: string): boolean {
  const value = parseAddress(text);
  return value !== null && inRanges(LOOPBACK, value);
}
