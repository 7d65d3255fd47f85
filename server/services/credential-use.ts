import { HOUR_MS, type SealedBatch } from '../domain/batches.ts';
import type { AppsStore } from '../store/apps.ts';

/** A busy credential's use is written this often: pages tell it to the minute. */
const NOTED_EVERY_MS = 60_000;
/** Forgetting what was noted costs one more write each. */
const REMEMBERED_MAX = 50_000;

/** When each credential was last used, from the calls that a gateway stores. Safe to run twice: the latest use stands. */
export function makeCredentialUse(store: { readonly apps: Pick<AppsStore, 'noteUses'> }) {
  const noted = new Map<string, number>();

  return async ({ entries, maxTs }: Pick<SealedBatch, 'entries' | 'maxTs'>): Promise<void> => {
    const uses = new Map<string, number>();
    for (const { credentialId, hour } of entries) {
      const at = Math.min(maxTs, (hour + 1) * HOUR_MS - 1);
      if (credentialId !== '' && at >= (noted.get(credentialId) ?? -Infinity) + NOTED_EVERY_MS)
        uses.set(credentialId, Math.max(at, uses.get(credentialId) ?? at));
    }
    if (uses.size === 0) return;
    await store.apps.noteUses(uses);
    if (noted.size + uses.size > REMEMBERED_MAX) noted.clear();
    for (const [id, at] of uses) noted.set(id, at);
  };
}
