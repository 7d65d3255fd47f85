import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRedis, type Redis } from './redis.ts';

/**
 * Counts of quotas shared by every gateway process, and the roll of the processes themselves. All decisions are single Lua scripts
 * over integers (Redis 6.2). One counter is a hash:
 *   epoch          the epoch it belongs to; another one means its numbers were lost
 *   total          units used: the store's share + all that is held
 *   held:<holder>  units a process has leased and not yet seen stored: unspent, in flight, recorded
 *   moved:<holder> number of the last batch whose units passed from held to stored
 *   stored:<holder> number of the last batch that was among the store's share when the counter was rebuilt
 *   cold           present until the store's share is added
 * A holder is one boot of one node, `<node>-<boot>`.
 */
export interface Counters {
  readonly redis: Redis;
  lease(request: LeaseRequest): Promise<LeaseAnswer>;
  /** Units leased and not spent. False: another epoch, there is nothing to return. */
  giveBack(epoch: string, name: string, holder: string, units: number): Promise<boolean>;
  /** At most `MOVES_AT_ONCE`; those of one counter in the order of their batches. False: another epoch. Repeating it is harmless. */
  move(epoch: string, holder: string, moves: readonly Move[]): Promise<boolean>;
  post(epoch: string, name: string, holder: string, units: number, batch: number, ttlMs: number): Promise<boolean>;
  /** `open`, `again` when the store must be read once more, `lost` when the epoch changed. `stored`: last batch per holder among `units`. */
  warm(epoch: string, name: string, ttlMs: number, units: bigint, stored: ReadonlyMap<string, number>): Promise<'open' | 'again' | 'lost'>;
  /** Give back whatever a holder that is gone still holds. @returns units given back */
  release(epoch: string, holder: string): Promise<number>;
  /** Every holder that ever leased since the counts were begun, and was not released. */
  holders(): Promise<string[]>;
  beat(holder: string, postedEpoch: string, seenRoll: number): Promise<Beat>;
  /** Begin epoch `next` unless another one than `found` stands by now. @returns the one that stands */
  establish(found: string, next: string): Promise<string>;
  /** Identity of the server's data: changes with a restart and with a failover. */
  serverIdentity(): Promise<string>;
  rate(name: string, limit: number, want: number, ahead: number, processes: number, ttlMs: number): Promise<{ granted: number; taken: number }>;
  total(name: string, epoch: string): Promise<number | null>;
  /** A total that another process raised. */
  onTotal(listener: (name: string, total: number) => void): void;
  /** Whoever holds unspent units of this counter should hand them back: somebody found nothing left. */
  recall(name: string): Promise<void>;
  onRecall(listener: (name: string) => void): void;
  close(): Promise<void>;
}

/** Units of one counter whose batch is stored. */
export interface Move {
  readonly name: string;
  readonly batch: number;
  readonly units: number;
}

/** A script holds everybody up while it runs. */
export const MOVES_AT_ONCE = 100;

export interface LeaseRequest {
  readonly epoch: string;
  readonly holder: string;
  readonly name: string;
  readonly limit: number;
  readonly hard: boolean;
  readonly want: number;
  readonly ahead: number;
  readonly processes: number;
  /** The counter's window began after the epoch: where there is no counter, nothing was counted. */
  readonly fresh: boolean;
  readonly ttlMs: number;
}

/** `cold` on a grant: a soft quota whose total still lacks the store's share. */
export type LeaseAnswer = { readonly granted: number; readonly total: number; readonly cold: boolean } | 'lost' | 'cold';

export interface Beat {
  /** Empty: none. */
  readonly epoch: string;
  readonly serverMs: number;
  readonly roll: number;
  readonly live: number;
  readonly posted: number;
  /** -1 when alone. */
  readonly leastRollSeen: number;
  readonly postedHolders: readonly string[];
  /** This process was not on the roll before: others may not know of it yet. */
  readonly came: boolean;
}

/** A process silent for this long is struck off the roll. */
export const MEMBER_SILENT_MS = 3_000;

const SCRIPTS = ['beat', 'establish', 'lease', 'move', 'post', 'rate', 'release', 'return', 'warm'] as const;
type ScriptName = (typeof SCRIPTS)[number];

/** The scripts stand beside the source; a build has only the compiled code beside it. */
function scriptText(name: ScriptName): string {
  const file = `counters-${name}.lua`;
  const beside = join(import.meta.dirname, file);
  return readFileSync(existsSync(beside) ? beside : join(import.meta.dirname, '../../../server/cache', file), 'utf8');
}

export function makeCounters({ url, prefix, onAway }: { url: string; prefix: string; onAway?: (error: Error) => void }): Counters {
  const redis = makeRedis({ url, prefix, ...(onAway && { onAway }) });
  const ears = makeRedis({ url, prefix });
  const scripts = Object.fromEntries(
    SCRIPTS.map((name) => {
      const text = scriptText(name);
      return [name, { text, sha: createHash('sha1').update(text).digest('hex') }];
    }),
  ) as Record<ScriptName, { text: string; sha: string }>;

  // One hash tag: a script may touch several of these keys, so on a cluster they live on one node.
  const key = (...parts: string[]) => redis.key(`{quota}:${parts.join(':')}`);
  const [epochKey, membersKey, rollKey, holdersKey, channel] = [key('epoch'), key('members'), key('roll'), key('holders'), key('news')];
  const counterKey = (name: string) => key('counter', name);
  const namesKey = (holder: string) => key('holder', holder);

  async function run(name: ScriptName, keys: string[], args: (string | number)[]): Promise<unknown> {
    const { text, sha } = scripts[name];
    const options = { keys, arguments: args.map(String) };
    return redis.ask(async (client) => {
      try {
        return await client.evalSha(sha, options);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return client.eval(text, options);
      }
    });
  }

  const totalListeners: ((name: string, total: number) => void)[] = [];
  const recallListeners: ((name: string) => void)[] = [];
  const hear = (text: string) => {
    const [kind, ...rest] = text.split(' ');
    if (kind === 'total') for (const listener of totalListeners) listener(rest.slice(1).join(' '), Number(rest[0]));
    if (kind === 'recall') for (const listener of recallListeners) listener(rest.join(' '));
  };
  ears.onReady(() => void ears.client.subscribe(channel, hear).catch(() => undefined));

  return {
    redis,
    async lease({ epoch, holder, name, limit, hard, want, ahead, processes, fresh, ttlMs }) {
      const keys = [epochKey, counterKey(name), namesKey(holder), holdersKey];
      const args = [epoch, holder, name, limit, hard ? 1 : 0, want, ahead, processes, fresh ? 1 : 0, ttlMs, channel];
      const [granted, total, cold] = (await run('lease', keys, args)) as [unknown, unknown, unknown];
      if (Number(granted) === -1) return 'lost';
      if (Number(granted) === -2) return 'cold';
      return { granted: Number(granted), total: Number(total), cold: Number(cold) === 1 };
    },
    giveBack: async (epoch, name, holder, units) => Number(await run('return', [epochKey, counterKey(name)], [epoch, holder, units])) >= 0,
    async move(epoch, holder, moves) {
      const keys = moves.map(({ name }) => counterKey(name));
      const args = moves.flatMap(({ batch, units }) => [batch, units]);
      return Number(await run('move', [epochKey, ...keys], [epoch, holder, ...args])) >= 0;
    },
    post: async (epoch, name, holder, units, batch, ttlMs) =>
      Number(await run('post', [epochKey, counterKey(name), namesKey(holder), holdersKey], [epoch, holder, name, units, batch, ttlMs])) >= 0,
    async warm(epoch, name, ttlMs, units, stored) {
      const pairs = [...stored].flatMap(([holder, batch]) => [holder, batch]);
      const answer = Number(await run('warm', [epochKey, counterKey(name)], [epoch, ttlMs, units.toString(), ...pairs]));
      return answer === 1 ? 'open' : answer === 0 ? 'again' : 'lost';
    },
    async release(epoch, holder) {
      const names = await redis.ask((client) => client.sMembers(namesKey(holder)));
      let given = 0;
      for (const name of names) given += Number(await run('release', [counterKey(name)], [holder, epoch]));
      await redis.ask((client) => client.multi().del(namesKey(holder)).sRem(holdersKey, holder).hDel(membersKey, holder).exec());
      return given;
    },
    holders: () => redis.ask((client) => client.sMembers(holdersKey)),
    async beat(holder, postedEpoch, seenRoll) {
      const [epoch, serverMs, roll, live, posted, least, names, came] = (await run(
        'beat',
        [epochKey, membersKey, rollKey],
        [holder, postedEpoch, seenRoll, MEMBER_SILENT_MS],
      )) as [string, string, number, number, number, number, string, number];
      return {
        epoch,
        serverMs: Number(serverMs),
        roll: Number(roll),
        live: Number(live),
        posted: Number(posted),
        leastRollSeen: Number(least),
        postedHolders: names === '' ? [] : names.split(','),
        came: Number(came) === 1,
      };
    },
    establish: async (found, next) => String(await run('establish', [epochKey], [found, next])),
    async serverIdentity() {
      const text = await redis.ask((client) => client.info());
      const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(text)?.[1] ?? '';
      return `${field('run_id')}-${field('master_replid')}`.slice(0, 90);
    },
    async rate(name, limit, want, ahead, processes, ttlMs) {
      const [granted, taken] = (await run('rate', [key('rate', name)], [limit, want, ahead, processes, ttlMs])) as [string, string];
      return { granted: Number(granted), taken: Number(taken) };
    },
    async total(name, epoch) {
      const [at, total, cold] = await redis.ask((client) => client.hmGet(counterKey(name), ['epoch', 'total', 'cold']));
      return at === epoch && typeof total === 'string' && (cold === null || cold === undefined) ? Number(total) : null;
    },
    onTotal: (listener) => void totalListeners.push(listener),
    recall: async (name) => void (await redis.ask((client) => client.publish(channel, `recall ${name}`))),
    onRecall: (listener) => void recallListeners.push(listener),
    close: async () => void (await Promise.all([redis.close(), ears.close()])),
  };
}
