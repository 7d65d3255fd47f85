import type { Action } from '../domain/actions.ts';
import { isAllowed } from '../domain/rights.ts';
import type { Log } from '../kernel/log.ts';
import type { Store } from '../store/index.ts';
import type { Access } from './access.ts';
import type { Notifications } from './notifications.ts';

/** A mail about something of an organization. */
export interface Letter {
  readonly organizationId: string;
  /** Whose work it is: members who may do this get it. */
  readonly to: Action;
  readonly subject: string;
  readonly lines: readonly string[];
  /** The page that shows more. */
  readonly path: string;
}

/** Never fails: what a letter tells of has happened, and stands on its page as well. */
export type SendLetter = (letter: Letter) => Promise<void>;

export interface LettersDependencies {
  readonly store: Pick<Store, 'accounts'>;
  readonly access: Pick<Access, 'policiesOf'>;
  readonly notifications: Pick<Notifications, 'message'>;
  readonly log: Log;
}

const READERS_MAX = 20;

/** Addresses of the members of an organization who may do something, the longest member first. */
export type Readers = (organizationId: string, action: Action) => Promise<string[]>;

export function makeReaders({ store, access }: Pick<LettersDependencies, 'access' | 'store'>): Readers {
  return async (organizationId, action) => {
    const organization = await store.accounts.organization(organizationId);
    if (!organization) return [];
    const found: string[] = [];
    for (const membership of (await store.accounts.membershipsOfOrganization(organizationId)).sort((a, b) => a.createdAt - b.createdAt)) {
      if (found.length === READERS_MAX) break;
      const policies = await access.policiesOf(organization, membership);
      if (!isAllowed({ kind: 'user', userId: membership.userId, organizationId, policies, address: '', requestId: '' }, action)) continue;
      const user = await store.accounts.user(membership.userId);
      if (user) found.push(user.email);
    }
    return found;
  };
}

/** May this member of an organization still do something, under the circumstances in which they did it? A right that was taken away ends what hangs on it. */
export type StillMay = (
  organizationId: string,
  action: Action,
  by: { readonly userId: string; readonly address: string; readonly at: number },
) => Promise<boolean>;

export function makeStillMay({ store, access }: Pick<LettersDependencies, 'access' | 'store'>): StillMay {
  return async (organizationId, action, { userId, address, at }) => {
    const [organization, membership] = await Promise.all([store.accounts.organization(organizationId), store.accounts.membership(organizationId, userId)]);
    if (!organization || !membership) return false;
    const policies = await access.policiesOf(organization, membership);
    return isAllowed({ kind: 'user', userId, organizationId, policies, address, at, requestId: '' }, action);
  };
}

export function makeLetters({ store, access, notifications, log }: LettersDependencies): SendLetter {
  const readers = makeReaders({ store, access });
  return async ({ organizationId, to, subject, lines, path }) => {
    try {
      for (const address of await readers(organizationId, to)) await notifications.message(address, subject, lines, path);
    } catch (error) {
      log.error({ err: error, organizationId, subject }, 'a letter could not be sent');
    }
  };
}
