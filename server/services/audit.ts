import type { Actor } from '../domain/actor.ts';
import { filterOf, thingsIn, type AuditFilter } from '../domain/audit-filter.ts';
import type { Clock } from '../kernel/clock.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { AuditCursor, AuditDoc, AuditSelection, AuditStore } from '../store/audit.ts';

export interface AuditEntry {
  /** An action of the catalogue, or `accounts:<verb>` for what a person does to the own account. */
  readonly action: string;
  /** `app:app_…`, `product:prd_…`, `*` */
  readonly resource: string;
  /** Whose log it belongs to, where that is not the actor's organization. */
  readonly organizationId?: string;
  /** Ids besides those of the resource under which the record is found. */
  readonly things?: readonly string[];
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface AuditPage {
  readonly records: readonly AuditDoc[];
  /** Where older ones go on; null: there are none. */
  readonly next: AuditCursor | null;
  /** Set where the page ended before it was full, because enough was read: up to then nothing else was found, epoch ms. */
  readonly lookedBackTo: number | null;
}

export interface Audit {
  /** One record per mutation, written after it took effect. Values of secret fields are replaced. */
  append(actor: Actor, entry: AuditEntry): Promise<void>;
  /** As {@link append}, under an id that a second run gives again: the first record stands. */
  appendOnce(id: string, actor: Actor, entry: AuditEntry): Promise<void>;
  /**
   * What somebody tried and was not let: the first of an hour by the same person, act, thing and address, and at most
   * {@link REFUSALS_MAX} an hour of one person, so that a loop writes no more than that.
   */
  refuse(actor: Actor, entry: Pick<AuditEntry, 'action' | 'organizationId' | 'resource'> & { readonly because: string }): Promise<void>;
  /** Newest first. */
  page(actor: Actor, filter: AuditFilter, after: AuditCursor | null, size: number): Promise<AuditPage>;
  /** All that the filter takes, newest first, in parts. */
  all(actor: Actor, filter: AuditFilter): AsyncGenerator<AuditDoc[]>;
}

const SECRET_FIELD = /secret|password|token|cipher|hash|appcode/i;
/** Records of one reading; the reading for one page ends after {@link PAGE_READ_MAX}. */
const STEP_MAX = 500;
const PAGE_READ_MAX = 5_000;
const FIRST_SPAN_MS = 3_600_000;
const SPAN_GROWTH = 4;
const HOUR_MS = 3_600_000;
export const REFUSALS_MAX = 20;
/** People whose refusals are remembered; beyond it the memory starts anew, and the ids still keep records single. */
const REFUSERS_MAX = 10_000;

/** @param pageReadMax  for tests, which would have to fill the log otherwise */
export function makeAudit({
  store,
  clock,
  ids,
  pageReadMax = PAGE_READ_MAX,
}: {
  store: { audit: AuditStore };
  clock: Clock;
  ids: Ids;
  pageReadMax?: number;
}): Audit {
  /** What was recorded as refused in the running hour, by person. */
  let refused = { hour: 0, recorded: new Map<string, Set<string>>() };

  const write = (actor: Actor, _id: string, outcome: AuditDoc['outcome'], entry: AuditEntry): Promise<boolean> =>
    store.audit.append({
      _id,
      at: clock.now(),
      organizationId: entry.organizationId ?? actor.organizationId,
      userId: actor.userId,
      kind: actor.kind,
      ...(actor.key && { key: actor.key.hint }),
      action: entry.action,
      resource: entry.resource,
      things: [...new Set([...thingsIn(entry.resource), ...(entry.things ?? [])])],
      outcome,
      // IPv4 over an IPv6 socket is written as what people look for.
      address: actor.address.replace(/^::ffff:(?=\d+\.)/, ''),
      requestId: actor.requestId,
      before: withoutSecrets(entry.before ?? null),
      after: withoutSecrets(entry.after ?? null),
    });

  /** True the first time in this hour, while this person has room for one more. */
  function isNew(hour: number, who: string, what: string): boolean {
    if (refused.hour !== hour || refused.recorded.size > REFUSERS_MAX) refused = { hour, recorded: new Map() };
    const recorded = refused.recorded.get(who) ?? new Set();
    refused.recorded.set(who, recorded);
    if (recorded.has(what) || recorded.size >= REFUSALS_MAX) return false;
    recorded.add(what);
    return true;
  }

  /**
   * Readings of the span from its end, each bounded on both sides and in number: the span of a reading grows while little is found.
   * `reached` is the place after which the next one goes on.
   *
   * @param wanted  how many records the next reading can use, where the store gives no other ones than the filter takes
   */
  async function* readings(
    organizationId: string,
    filter: AuditFilter,
    after: AuditCursor | null,
    wanted: () => number = () => STEP_MAX,
  ): AsyncGenerator<{ found: AuditDoc[]; reached: AuditCursor }> {
    const selection = selectionOf(organizationId, filter);
    const isWhole = takesAllOf(filter);
    let cursor: AuditCursor = after && after.at < filter.to ? after : { at: filter.to, id: '' };
    let spanMs = FIRST_SPAN_MS;
    while (cursor.at > filter.from || cursor.id !== '') {
      const from = Math.max(filter.from, cursor.at - spanMs);
      const max = isWhole ? Math.min(wanted(), STEP_MAX) : STEP_MAX;
      const found = await store.audit.before(selection, from, cursor, max);
      const last = found.at(-1);
      cursor = found.length === max && last ? { at: last.at, id: last._id } : { at: from, id: '' };
      spanMs = found.length === max ? FIRST_SPAN_MS : spanMs * SPAN_GROWTH;
      yield { found, reached: cursor };
    }
  }

  return {
    append: async (actor, entry) => void (await write(actor, ids.next('evt'), 'done', entry)),

    appendOnce: async (id, actor, entry) => void (await write(actor, id, 'done', entry)),

    async refuse(actor, { because, ...entry }) {
      // Who is not signed in is known by whose account he tried.
      const who = `${entry.organizationId ?? actor.organizationId} ${actor.userId || entry.resource}`;
      const what = [entry.action, entry.resource, actor.address].join(' ');
      const hour = Math.floor(clock.now() / HOUR_MS);
      if (!isNew(hour, who, what)) return;
      // The same id in every process: the first of them writes it.
      await write(actor, `evt_${sha256Hex([hour, who, what].join(' ')).slice(0, 26)}`, 'refused', { ...entry, after: { refused: because } });
    },

    async page(actor, filter, after, size) {
      const takes = filterOf(filter);
      const records: AuditDoc[] = [];
      let read = 0;
      // One more than the page: whether there is a next one.
      for await (const { found, reached } of readings(actor.organizationId, filter, after, () => size + 1 - records.length)) {
        read += found.length;
        records.push(...found.filter(takes));
        const last = records[size - 1];
        if (records.length > size && last) return { records: records.slice(0, size), next: { at: last.at, id: last._id }, lookedBackTo: null };
        if (read >= pageReadMax && (reached.at > filter.from || reached.id !== '')) return { records, next: reached, lookedBackTo: reached.at };
      }
      return { records, next: null, lookedBackTo: null };
    },

    async *all(actor, filter) {
      const takes = filterOf(filter);
      for await (const { found } of readings(actor.organizationId, filter, null)) {
        const part = found.filter(takes);
        if (part.length > 0) yield part;
      }
    },
  };
}

/** The equality that leaves the fewest records; the rest of the filter looks at what it gives. */
function selectionOf(organizationId: string, { requestId, thing, who }: AuditFilter): AuditSelection {
  if (requestId !== null) return { organizationId, requestId };
  if (thing !== null) return { organizationId, things: thing };
  return who === null ? { organizationId } : { organizationId, userId: who === 'system' ? '' : who };
}

/** Does the filter take all that its selection gives? */
const takesAllOf = ({ requestId, thing, who, action, outcome, address }: AuditFilter): boolean =>
  [requestId, thing, who].filter((value) => value !== null).length <= 1 && who !== 'system' && action === null && outcome === null && address === null;

function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return Buffer.isBuffer(value) ? '[bytes]' : value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, SECRET_FIELD.test(key) ? '[secret]' : withoutSecrets(inner)]));
}
