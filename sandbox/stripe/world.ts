import type { Clock } from '../../server/kernel/clock.ts';
import { missing } from './faults.ts';
import { openJournal, type Change } from './journal.ts';
import { type Delivery, type Kind, type Kinds, KINDS, SPOKEN, type Thing } from './things.ts';
import { view } from './view.ts';

export const API_VERSION = '2026-08-26.dahlia';

const DAY_SECONDS = 86_400;
/** Stripe lists events for 30 days and remembers idempotency keys for at least 24 hours. */
const EVENTS_KEPT_SECONDS = 30 * DAY_SECONDS;
const KEYS_KEPT_MS = DAY_SECONDS * 1000;
/**
 * And in any case for so long of the machine's time. The sandbox clock leaps over months at once, and a request that is repeated at that moment,
 * by the client by itself or by a process that has not heard of the leap, comes with a key that to its sender is seconds old.
 */
const KEYS_KEPT_REAL_MS = 600_000;
const DELIVERY_FOR_MS = 3 * DAY_SECONDS * 1000;
const COMPACT_AFTER_LINES = 20_000;

export interface Answered {
  id: string;
  object: 'answered';
  /** SHA-256 of method, path and parameters. */
  request: string;
  status: number;
  body: string;
  requestId: string;
  /** Epoch ms on the simulator's clock. */
  at: number;
  /** Epoch ms of the machine. */
  realAt: number;
}

export interface RequestMark {
  id: string | null;
  idempotencyKey: string | null;
}

/** What a handler sees of the world. Nothing it writes is there for others, or on disk, before it ends well (or refuses with `keep`). */
export interface Tx {
  /** Unix seconds on the simulator's clock. */
  readonly now: number;
  readonly nowMs: number;
  readonly baseUrl: string;
  id(prefix: string, length?: number): string;
  find<K extends Kind>(kind: K, id: string): Kinds[K] | undefined;
  /** @throws StripeFault resource_missing: 404 when the address named it, 400 when a parameter did */
  get<K extends Kind>(kind: K, id: string, param?: string, inPath?: boolean): Kinds[K];
  /** Newest first; to be read only. */
  all<K extends Kind>(kind: K): Kinds[K][];
  put<K extends Kind>(kind: K, thing: Kinds[K]): Kinds[K];
  remove(kind: Kind, id: string): void;
  /** Record an event about the object as it is now, and send it on its way. */
  emit(type: string, thing: Thing, previous?: Record<string, unknown>): void;
  takePlannedDecline(): string | null;
}

export interface World {
  readonly clock: Clock;
  baseUrl: string;
  /** Run a change; commit it, with the answer remembered under its idempotency key. */
  transact<T>(mark: RequestMark, run: (tx: Tx) => T, answer?: (outcome: T) => Omit<Answered, 'at' | 'object' | 'realAt'> | null): T;
  read(): Tx;
  answered(key: string): Answered | undefined;
  setOffset(offsetMs: number): void;
  planDeclines(code: string, times: number): void;
  reset(): void;
  /** Forget what Stripe forgets, and start a new journal from what is left. */
  compact(): void;
  state(): Record<string, Thing[]>;
  /** Called after every commit that put something on its way. */
  onDeliveries(listener: () => void): void;
  close(): void;
}

type Tables = { [K in Kind]: Map<string, Kinds[K]> } & { answered: Map<string, Answered> };

const withRealTime = (answered: Omit<Answered, 'realAt'> & { readonly realAt?: number }): Answered => ({ ...answered, realAt: answered.realAt ?? answered.at });

const emptyTables = (): Tables => ({ ...Object.fromEntries(KINDS.map((kind) => [kind, new Map()])), answered: new Map() }) as unknown as Tables;

export function openWorld({ folder, clock, secret }: { folder: string | undefined; clock: Clock; secret: (bytes: number) => string }): World {
  let tables = emptyTables();
  let plannedDeclines: string[] = [];
  let listener = () => {};
  const table = (kind: string) => (tables as unknown as Record<string, Map<string, unknown>>)[kind];
  const apply = ({ objects }: Change) => {
    for (const [kind, id, object] of objects) {
      if (kind === 'clock') clock.setOffset(Math.max(clock.offsetMs(), object as number));
      else if (object === null) table(kind)?.delete(id);
      else table(kind)?.set(id, kind === 'answered' ? withRealTime(object as Answered) : object);
    }
  };
  const journal = openJournal(folder, {
    replay: apply,
    restore: (state) => {
      for (const [kind, things] of Object.entries(state as Record<string, Thing[]>)) {
        if (kind === 'clock') clock.setOffset(Math.max(clock.offsetMs(), Number(things[0]!.id)));
        // Answers of before came without the machine's time: they would be remembered for ever.
        else for (const thing of things) table(kind)?.set(thing.id, kind === 'answered' ? withRealTime(thing as unknown as Answered) : thing);
      }
    },
  });
  const dump = (): Record<string, Thing[]> => ({
    ...Object.fromEntries(Object.entries(tables).map(([kind, things]) => [kind, [...things.values()] as Thing[]])),
    clock: [{ id: String(clock.offsetMs()), object: 'clock' }],
  });
  const commit = (change: Change) => {
    if (change.objects.length === 0) return;
    journal.append(change);
    apply(change);
    if (journal.lines >= COMPACT_AFTER_LINES) compact();
  };
  const compact = () => {
    prune();
    journal.compact(dump());
  };
  const isForgotten = ({ at, realAt }: Answered): boolean => at < clock.now() - KEYS_KEPT_MS && realAt < clock.real() - KEYS_KEPT_REAL_MS;
  const prune = () => {
    const now = clock.now();
    for (const [id, answered] of tables.answered) if (isForgotten(answered)) tables.answered.delete(id);
    for (const [id, { created }] of tables.event) if (created < now / 1000 - EVENTS_KEPT_SECONDS) tables.event.delete(id);
    for (const [id, { event }] of tables.delivery) if (!tables.event.has(event)) tables.delivery.delete(id);
  };

  function begin(mark: RequestMark): { tx: Tx; changes(): Change } {
    const staged = new Map<string, Map<string, unknown>>();
    const stage = (kind: string, id: string, object: unknown) => {
      const ofKind = staged.get(kind) ?? new Map<string, unknown>();
      staged.set(kind, ofKind.set(id, object));
    };
    const nowMs = clock.now();
    const tx: Tx = {
      nowMs,
      now: Math.floor(nowMs / 1000),
      baseUrl: world.baseUrl,
      id: (prefix, length = 24) => prefix + randomText(length, secret),
      find<K extends Kind>(kind: K, id: string) {
        const inStage = staged.get(kind);
        const found = inStage?.has(id) ? inStage.get(id) : tables[kind].get(id);
        return found ? (structuredClone(found) as Kinds[K]) : undefined;
      },
      get(kind, id, param = kind, inPath = false) {
        const found = tx.find(kind, id);
        if (!found) throw missing(SPOKEN[kind] ?? kind, id, param, inPath);
        return found;
      },
      all<K extends Kind>(kind: K) {
        if (!staged.has(kind)) return [...tables[kind].values()].reverse() as Kinds[K][];
        const merged = new Map<string, unknown>(tables[kind]);
        for (const [id, object] of staged.get(kind) ?? [])
          if (object === null) merged.delete(id);
          else merged.set(id, object);
        return [...merged.values()].reverse() as Kinds[K][];
      },
      put(kind, thing) {
        stage(kind, thing.id, structuredClone(thing));
        return thing;
      },
      remove: (kind, id) => stage(kind, id, null),
      emit(type, thing, previous) {
        const event = {
          id: tx.id('evt_'),
          object: 'event',
          api_version: API_VERSION,
          created: tx.now,
          livemode: false,
          type,
          data: { object: view(tx, thing), ...(previous && { previous_attributes: previous }) },
          pending_webhooks: 0,
          request: { id: mark.id, idempotency_key: mark.idempotencyKey },
        };
        stage('event', event.id, event);
        for (const endpoint of tx.all('webhook_endpoint')) {
          if (endpoint.status !== 'enabled' || !endpoint.enabled_events.some((each) => each === '*' || each === type)) continue;
          const delivery: Delivery = {
            id: `${event.id}.${endpoint.id}`,
            object: 'delivery',
            event: event.id,
            endpoint: endpoint.id,
            attempts: 0,
            nextAt: nowMs,
            until: nowMs + DELIVERY_FOR_MS,
            state: 'pending',
            lastStatus: null,
          };
          stage('delivery', delivery.id, delivery);
        }
      },
      takePlannedDecline: () => plannedDeclines.shift() ?? null,
    };
    const changes = (): Change => ({
      objects: [...staged].flatMap(([kind, things]) => [...things].map(([id, object]): [string, string, unknown] => [kind, id, object])),
    });
    return { tx, changes };
  }

  const world: World = {
    clock,
    baseUrl: '',
    transact(mark, run, answer = () => null) {
      const { tx, changes } = begin(mark);
      const outcome = run(tx);
      const change = changes();
      const remembered = answer(outcome);
      if (remembered)
        change.objects.push(['answered', remembered.id, { ...remembered, object: 'answered', at: tx.nowMs, realAt: clock.real() } satisfies Answered]);
      commit(change);
      if (change.objects.some(([kind]) => kind === 'delivery')) listener();
      return outcome;
    },
    read: () => begin({ id: null, idempotencyKey: null }).tx,
    answered(key) {
      const found = tables.answered.get(key);
      return found && !isForgotten(found) ? found : undefined;
    },
    setOffset(offsetMs) {
      clock.setOffset(offsetMs);
      commit({ objects: [['clock', 'offset', offsetMs]] });
    },
    planDeclines: (code, times) => void plannedDeclines.push(...Array.from({ length: times }, () => code)),
    reset() {
      const endpoints = tables.webhook_endpoint;
      tables = emptyTables();
      // Where events go is set-up, not state: the endpoint of the environment stays.
      for (const [id, endpoint] of endpoints) if (id.startsWith('we_env')) tables.webhook_endpoint.set(id, endpoint);
      plannedDeclines = [];
      journal.compact(dump());
    },
    compact,
    state: dump,
    onDeliveries: (next) => void (listener = next),
    close: () => journal.close(),
  };
  return world;
}

/** Letters and digits, as Stripe's ids have. */
function randomText(length: number, secret: (bytes: number) => string): string {
  let text = '';
  while (text.length < length) text += secret(length).replace(/[-_]/g, '');
  return text.slice(0, length);
}
