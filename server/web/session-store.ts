import { Store, type SessionData } from 'express-session';
import { sha256Hex } from '../kernel/ids.ts';
import type { SessionsStore } from '../store/sessions.ts';

/** A session is gone this long after its last use. */
export const SESSION_LIFE_MS = 14 * 86_400_000;

/** What names a session in forms and in the store: its id stays in the cookie. */
export const handleOf = (sessionId: string): string => sha256Hex(sessionId);

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
    return { ...(JSON.parse(found.data) as SessionData), seen: { at: found.seenAt, address: found.address } };
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
      data: JSON.stringify(session),
      expiresAt: new Date(at + SESSION_LIFE_MS),
    });
  }
}
