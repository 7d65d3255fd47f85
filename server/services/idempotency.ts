import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { ClaimDoc } from '../store/idempotency.ts';
import type { Store } from '../store/index.ts';

/** For so long a request that is sent again is known. */
const KEPT_MS = 86_400_000;
/** Longer than a request may take: who holds a claim for longer has died. */
const RUN_MS_MAX = 60_000;
const RETRY_SECONDS = 2;

/** What is kept of an answer: its text, or, where it holds a secret, only where that stands which was made. */
export type Kept = { readonly body: string; readonly place: null } | { readonly body: null; readonly place: string };

export type Outcome<T> = { readonly replayed: false; readonly answer: T } | { readonly replayed: true; readonly kept: Kept };

export type Idempotency = ReturnType<typeof makeIdempotency>;

/**
 * `Idempotency-Key` of the management API: a request that is sent again under its key is done once, and answered as the first time. A key belongs to whom the
 * program acts as, for one organization.
 */
export function makeIdempotency({ store, clock, ids }: { store: Pick<Store, 'idempotency'>; clock: Pick<Clock, 'real'>; ids: Pick<Ids, 'uuid'> }) {
  const { idempotency } = store;

  const keptOf = ({ body, place }: ClaimDoc): Kept => (place === null ? { body: body ?? '', place } : { body: null, place });

  /** The claim, if this run is to do the work; otherwise what was kept. @throws invalid-form for another request, conflict while the first one runs */
  async function take(actor: Actor, key: string, fingerprint: string, owner: string): Promise<ClaimDoc | Kept> {
    const now = clock.real();
    const _id = sha256Hex(JSON.stringify([actor.organizationId, actor.userId, key]));
    const claim = { _id, fingerprint, requestId: ids.uuid(), owner, startedAt: now, doneAt: null, body: null, place: null, expiresAt: new Date(now + KEPT_MS) };
    if (await idempotency.claim(claim)) return claim;
    const found = await idempotency.get(_id);
    // Released between the two: whoever sends it once more finds the way free.
    if (!found) throw running();
    if (found.owner === owner) return found; // ours: the answer to the insert was lost
    if (found.fingerprint !== fingerprint)
      throw new AppError('invalid-form', 'This Idempotency-Key was sent with another request. Take a new key for a new request.', {
        fields: { 'Idempotency-Key': 'It belongs to another request.' },
      });
    if (found.doneAt !== null) return keptOf(found);
    if (now - found.startedAt < RUN_MS_MAX) throw running();
    if (await idempotency.takeOver(_id, found.owner, owner, now)) return { ...found, owner, startedAt: now };
    const after = await idempotency.get(_id);
    if (after?.owner === owner) return after;
    if (after && after.doneAt !== null) return keptOf(after);
    throw running();
  }

  return {
    /**
     * @param run  does it; whatever it makes takes its id from the given request id, so that a second run after a crash makes nothing more
     * @throws what `run` throws: a refusal leaves the key free for another try
     */
    async once<T>(
      actor: Actor,
      { key, fingerprint }: { readonly key: string; readonly fingerprint: string },
      run: (requestId: string) => Promise<{ readonly answer: T; readonly kept: Kept }>,
    ): Promise<Outcome<T>> {
      const owner = ids.uuid();
      const taken = await take(actor, key, fingerprint, owner);
      if (!('_id' in taken)) return { replayed: true, kept: taken };
      const { answer, kept } = await run(taken.requestId).catch(async (error: unknown) => {
        const refused = error instanceof AppError && error.status < 500;
        await (refused ? idempotency.release : idempotency.letGo)(taken._id, owner);
        throw error;
      });
      await idempotency.finish(taken._id, owner, { ...kept, doneAt: clock.real() });
      return { replayed: false, answer };
    },
  };
}

const running = (): AppError =>
  new AppError('conflict', 'The first request with this Idempotency-Key is still at work. Send it again in a moment.', { retryAfterSeconds: RETRY_SECONDS });
