import { Store, type SessionData } from 'express-session';
import { openSecret, SEAL_IV_BYTES, sealSecret, type KeyRing } from '../domain/credential.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { SessionsStore } from '../store/sessions.ts';

/** A session is gone this long after its last use. */
export const SESSION_LIFE_MS = 14 * 86_400_000;

/** What names a session in forms and in the store: its id stays in the cookie. */
export const handleOf = (sessionId: string): string => sha256Hex(sessionId);

/**
 * What a session holds is sealed under its own id, which the browser alone has: a copy of the database tells no state of a sign-on that is under way, and
 * nothing that was left for the next page.
 */
const ringOf = (sid: string): KeyRing => [{ id: 'sid', key: Buffer.from(sha256Hex(`session data ${sid}`), 'hex') }];

/** @param iv  SEAL_IV_BYTES random bytes */
export const sealSession = (sid: string, data: string, iv: Buffer): string => sealSecret(ringOf(sid), data, handleOf(sid), iv);

/** Sessions of earlier releases stand in clear until they are written again. */
export const openSession = (sid: string, stored: string): string | null => (stored.startsWith('{') ? stored : openSecret(ringOf(sid), stored, handleOf(sid)));

type Answer<T> = (error?: unknown, value?: T) => void;
const answer = <T>(work: Promise<T>, done?: Answer<T>): void =>
  void work.then(
    (value) => done?.(null, value),
    (error: unknown) => done?.(error),
  );

/** Sessions of express in our store. An ended one is never written again, whoever still holds it. */
export class PortalSessions extends Store {
  constructor(
    private readonly sessions: SessionsStore,
    private readonly now: () => number,
    private readonly bytes: Ids['bytes'],
  ) {
    super();
  }

  override get(sid: string, done: Answer<SessionData | null>): void {
    answer(this.read(sid), done);
  }

  override set(sid: string, session: SessionData, done?: Answer<void>): void {
    answer(this.write(sid, session), done);
  }

  override destroy(sid: string, done?: Answer<void>): void {
    answer(
      this.end(sid).then(() => undefined),
      done,
    );
  }

  /** True: this call ended it. Of two who want to go on from the same session, one may. */
  end(sid: string): Promise<boolean> {
    return this.sessions.end(handleOf(sid), this.now());
  }

  see(sid: string, address: string): Promise<void> {
    const at = this.now();
    return this.sessions.see(handleOf(sid), { seenAt: at, address, expiresAt: new Date(at + SESSION_LIFE_MS) });
  }

  private async read(sid: string): Promise<SessionData | null> {
    const found = await this.sessions.session(handleOf(sid));
    // The store forgets what has expired a little later.
    if (!found || found.expiresAt.getTime() <= this.now()) return null;
    const data = openSession(sid, found.data);
    return data === null ? null : { ...(JSON.parse(data) as SessionData), seen: { at: found.seenAt, address: found.address } };
  }

  private async write(sid: string, session: SessionData): Promise<void> {
    const { opened, passkeyId = '' } = session as Partial<SessionData>;
    const at = this.now();
    await this.sessions.put({
      _id: handleOf(sid),
      userId: opened?.userId ?? '',
      mark: opened?.mark ?? '',
      passkeyId,
      openedAt: opened?.at ?? at,
      agent: opened?.agent ?? '',
      seenAt: at,
      address: opened?.address ?? '',
      data: sealSession(sid, JSON.stringify(session), this.bytes(SEAL_IV_BYTES)),
      expiresAt: new Date(at + SESSION_LIFE_MS),
    });
  }
}
