/** Calls a second and APIs that a gateway of each edition has room for (APIG, "Specifications"). From small to large. */
export const EDITIONS = {
  basic: { title: 'Basic', callsPerSecond: 2_000, apis: 250 },
  professional: { title: 'Professional', callsPerSecond: 4_000, apis: 800 },
  enterprise: { title: 'Enterprise', callsPerSecond: 6_000, apis: 2_000 },
  platinum: { title: 'Platinum', callsPerSecond: 10_000, apis: 8_000 },
} as const;
export type Edition = keyof typeof EDITIONS;
export const EDITION_NAMES = Object.keys(EDITIONS) as [Edition, ...Edition[]];

/** What an organization and a gateway have room for, besides APIs (APIG, “Notes and constraints”, which has 5 and 1,000 where we have 20 and 3,000). */
export const GATEWAYS_MAX = 20;
export const GROUPS_MAX = 1_500;
export const APIS_PER_GROUP_MAX = 3_000;

/** How many APIs a gateway has room for. */
export const apisLimit = ({ edition }: { readonly edition: Edition }): number => EDITIONS[edition].apis;

/** Why no further API fits into a gateway, with the figures. */
export const fullWords = ({ name, edition }: { readonly name: string; readonly edition: Edition }, used: number): string =>
  `${name} is full: ${used.toLocaleString('en')} of ${EDITIONS[edition].apis.toLocaleString('en')} APIs of the ${EDITIONS[edition].title} edition are used. Delete some, or raise the edition in its settings.`;

/** Hours UTC at which a maintenance window may begin. */
export const WINDOW_STARTS = [2, 6, 10, 14, 18, 22] as const;
export const WINDOW_HOURS = 4;
export const WINDOW_START_DEFAULT = 2;

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Tags by their keys, as conditions of policies look at them. */
export const tagValues = (tags: readonly Tag[]): Readonly<Record<string, string>> => Object.fromEntries(tags.map(({ key, value }) => [key, value]));
export const TAGS_MAX = 20;
export const TAG_KEY_MAX = 128;
export const TAG_VALUE_MAX = 255;
const RESERVED_KEY = '_sys_';

export const GATEWAY_NAME_MAX = 64;
const GATEWAY_NAME_MIN = 3;
/** Beside the reference system's characters the space, which names had before this rule. */
const GATEWAY_NAME = /^\p{L}[\p{L}\p{N} _-]*$/u;

/** @returns what is wrong with the name of a gateway, as a sentence; undefined: nothing */
export function gatewayNameFault(name: string): string | undefined {
  if (name.length < GATEWAY_NAME_MIN || name.length > GATEWAY_NAME_MAX) return `A name has ${GATEWAY_NAME_MIN} to ${GATEWAY_NAME_MAX} characters.`;
  return GATEWAY_NAME.test(name) ? undefined : 'A name begins with a letter and holds letters, digits, spaces, - and _ only.';
}

/** @returns what is wrong with the tags of a gateway, as a sentence; undefined: nothing */
export function tagsFault(tags: readonly Tag[]): string | undefined {
  if (tags.length > TAGS_MAX) return `A gateway has at most ${TAGS_MAX} tags.`;
  const seen = new Set<string>();
  for (const { key, value } of tags) {
    if (key === '') return `The value ${value} needs a key.`;
    if (key.length > TAG_KEY_MAX) return `A key has at most ${TAG_KEY_MAX} characters.`;
    if (key.startsWith(RESERVED_KEY)) return `Keys that begin with ${RESERVED_KEY} are reserved.`;
    if (value.length > TAG_VALUE_MAX) return `The value of ${key} has at most ${TAG_VALUE_MAX} characters.`;
    if (seen.has(key)) return `The key ${key} stands twice.`;
    seen.add(key);
  }
  return undefined;
}

/**
 * An edition can be raised only: what callers and APIs rely on is not taken away under them.
 *
 * @param used  APIs of the gateway
 */
export function editionFault(from: Edition, to: Edition, used: number): string | undefined {
  if (EDITION_NAMES.indexOf(to) >= EDITION_NAMES.indexOf(from)) return undefined;
  const [larger, smaller] = [EDITIONS[from], EDITIONS[to]];
  const figures = (many: number): string => many.toLocaleString('en');
  return `The edition can only be raised: ${larger.title} has room for ${figures(larger.callsPerSecond)} calls a second and ${figures(larger.apis)} APIs, of which ${figures(used)} are used; ${smaller.title} for ${figures(smaller.callsPerSecond)} and ${figures(smaller.apis)}.`;
}

const clockHour = (hour: number): string => `${String(hour % 24).padStart(2, '0')}:00`;
/** `22:00 to 02:00 UTC` */
export const windowWords = (startHour: number): string => `${clockHour(startHour)} to ${clockHour(startHour + WINDOW_HOURS)} UTC`;

/**
 * Does a gateway with these tags and this name answer a search?
 *
 * @param asked  words, each of which must be part of the name or of a `key=value`
 */
export function gatewayMatches({ name, tags }: { readonly name: string; readonly tags: readonly Tag[] }, asked: string): boolean {
  const text = [name, ...tags.map(({ key, value }) => `${key}=${value}`)].join('\n').toLowerCase();
  return asked
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
