import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Redis } from '../../server/cache/redis.ts';
import type { Store } from '../../server/store/index.ts';
import type { Answer } from './browserless.ts';

/** Where a secret may stand in clear, and why. One line, one place; all that is sealed or hashed needs none. */
export interface Allowance {
  readonly secret: RegExp;
  readonly place: RegExp;
  readonly because: string;
}

/** Secrets that were really used, and everything that could have kept one. */
export interface Canaries {
  readonly secrets: ReadonlyMap<string, string>;
  /** This secret goes through now. @throws when it is too short to be looked for */
  note(name: string, value: string | undefined): string;
  /** A page or an answer that must not hold any. */
  seen(name: string, answer: Answer): Answer;
  seenText(name: string, text: string): void;
  /** What a role writes, as it comes. */
  hear(role: string): (text: string) => void;
  readonly logs: ReadonlyMap<string, string>;
  readonly pages: ReadonlyMap<string, string>;
  /** `<secret> in <place>`, for all that stand where they must not. */
  leaks(places: ReadonlyMap<string, string>, allowed: readonly Allowance[]): string[];
}

export function makeCanaries(): Canaries {
  const secrets = new Map<string, string>();
  const pages = new Map<string, string>();
  const logs = new Map<string, string>();
  return {
    secrets,
    pages,
    logs,
    note(name, value) {
      if (value === undefined || value.length < 6) throw new Error(`no ${name}: ${value}`);
      secrets.set(name, value);
      return value;
    },
    seen(name, answer) {
      // The session's cookie goes to its browser, and is meant to.
      const headers = [...answer.headers].filter(([header]) => header !== 'set-cookie');
      pages.set(`page ${name}`, `${JSON.stringify(headers)}${answer.text}`);
      return answer;
    },
    seenText: (name, text) => void pages.set(`page ${name}`, text),
    hear: (role) => (text) => void logs.set(`log ${role}`, (logs.get(`log ${role}`) ?? '') + text),
    leaks: (places, allowed) =>
      [...secrets].flatMap(([secret, value]) => {
        const written = spellings(value);
        const isAllowed = (place: string) => allowed.some((one) => one.secret.test(secret) && one.place.test(place));
        return [...places].flatMap(([place, text]) => (!isAllowed(place) && written.some((one) => text.includes(one)) ? [`${secret} in ${place}`] : []));
      }),
  };
}

/** A value as it may be written: as it is, in an address, in base64 (at each of the three places it can start), in hexadecimal. */
export function spellings(value: string): string[] {
  const bytes = Buffer.from(value);
  const inBase64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
      .slice(shift === 0 ? 0 : shift + 1, -1),
  );
  return [
    ...new Set([
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      bytes.toString('hex'),
      ...inBase64,
      ...inBase64.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')),
    ]),
  ];
}

/** Bytes as text, and unpacked where they are packed. */
export function textOf(bytes: Buffer): string {
  let unpacked = '';
  for (let at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8])); at >= 0 && at < bytes.length; at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8]), at + 1)) {
    try {
      unpacked += gunzipSync(bytes.subarray(at)).toString('latin1');
    } catch {
      // Bytes that only look like a beginning.
    }
  }
  return `${bytes.toString('utf8')}${bytes.toString('latin1')}${unpacked}`;
}

function textsIn(value: unknown): string {
  if (Buffer.isBuffer(value)) return textOf(value);
  if (typeof value === 'object' && value !== null && '_bsontype' in value && 'buffer' in value) return textOf(Buffer.from(value.buffer as Uint8Array));
  if (value instanceof Uint8Array) return textOf(Buffer.from(value));
  if (Array.isArray(value)) return value.map(textsIn).join('\n');
  if (typeof value === 'object' && value !== null && !(value instanceof Date))
    return Object.entries(value)
      .flatMap(([key, inner]) => [key, textsIn(inner)])
      .join('\n');
  return String(value);
}

/** Every collection, as one text each. */
export async function placesInMongo({ connection }: Pick<Store, 'connection'>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const db = connection.db!;
  for (const { name } of await db.listCollections().toArray()) found.set(`mongo ${name}`, textsIn(await db.collection(name).find().toArray()));
  return found;
}

/** Every key below a prefix, of whatever kind. */
export async function placesInRedis({ client }: Pick<Redis, 'client'>, prefix: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const read: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
    string: (key) => client.get(key),
    hash: (key) => client.hGetAll(key),
    list: (key) => client.lRange(key, 0, -1),
    set: (key) => client.sMembers(key),
    zset: (key) => client.zRange(key, 0, -1),
    stream: (key) => client.xRange(key, '-', '+'),
  };
  for await (const keys of client.scanIterator({ MATCH: `${prefix}*` }))
    for (const key of keys) {
      const kind = await client.type(key);
      // One that ended between the two is nowhere.
      if (kind !== 'none') found.set(`redis ${key}`, `${key}\n${textsIn(await (read[kind] as (key: string) => Promise<unknown>)(key))}`);
    }
  return found;
}

export async function placesOnDisk(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      found.set(`disk ${join(entry.parentPath, entry.name).slice(folder.length)}`, textOf(await readFile(join(entry.parentPath, entry.name))));
  return found;
}
