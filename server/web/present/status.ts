/** What a colour means: nothing to do, good, in motion, needs a look, bad. The word always stands beside it. */
export type Tone = 'quiet' | 'good' | 'busy' | 'warn' | 'bad';

/** Words and tones of every status a page shows, by what carries it. One line, one status. */
export const STATUSES: Readonly<Record<string, Readonly<Record<string, readonly [string, Tone]>>>> = {
  accessKey: {
    active: ['Active', 'good'],
    expiring: ['Ends soon', 'warn'],
    expired: ['Expired', 'quiet'],
    revoked: ['Revoked', 'bad'],
    'too-old': ['Too old: rotate', 'bad'],
  },
  api: { draft: ['Draft', 'quiet'], published: ['Published', 'good'], offline: ['Offline', 'warn'] },
  connection: {
    requested: ['Requested', 'busy'],
    accepted: ['Accepted', 'good'],
    rejected: ['Rejected', 'bad'],
    withdrawn: ['Withdrawn', 'quiet'],
    disconnected: ['Disconnected', 'quiet'],
  },
  credential: { active: ['Active', 'good'], expiring: ['Ends soon', 'warn'], expired: ['Expired', 'quiet'], revoked: ['Revoked', 'bad'] },
  event: { received: ['Received', 'busy'], done: ['Done', 'good'], dead: ['Given up', 'bad'] },
  invoice: {
    draft: ['Draft', 'quiet'],
    open: ['Open', 'busy'],
    paid: ['Paid', 'good'],
    void: ['Void', 'quiet'],
    uncollectible: ['Uncollectible', 'bad'],
    needs_review: ['Needs review', 'warn'],
  },
  node: { live: ['Live', 'good'], late: ['Late', 'warn'], retired: ['Retired', 'quiet'] },
  period: { open: ['Open', 'good'], closing: ['Closing', 'busy'], frozen: ['Frozen', 'busy'], invoiced: ['Invoiced', 'quiet'] },
  product: {
    draft: ['Draft', 'quiet'],
    submitted: ['In review', 'busy'],
    listed: ['Listed', 'good'],
    rejected: ['Rejected', 'bad'],
    deprecated: ['Deprecated', 'warn'],
    retired: ['Retired', 'quiet'],
  },
  subscription: {
    requested: ['Requested', 'busy'],
    pending: ['Waiting for payment', 'busy'],
    trialing: ['Trial', 'good'],
    active: ['Active', 'good'],
    past_due: ['Past due', 'warn'],
    suspended: ['Suspended', 'bad'],
    paused: ['Paused', 'quiet'],
    canceled: ['Canceled', 'quiet'],
    expired: ['Expired', 'quiet'],
  },
};

/** Word and tone of a status; one that is not listed is shown as it is, so that nothing is hidden. */
export function statusWord(kind: string, status: string): readonly [string, Tone] {
  return STATUSES[kind]?.[status] ?? [status.replaceAll('_', ' '), 'quiet'];
}
