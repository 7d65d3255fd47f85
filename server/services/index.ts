import type { Accounts } from './accounts.ts';
import type { Audit } from './audit.ts';
import type { Notifications } from './notifications.ts';

/** What the roles may call: one line, one service, sorted. Made in compose.ts. */
export interface Services {
  readonly accounts: Accounts;
  readonly audit: Audit;
  readonly notifications: Notifications;
}
