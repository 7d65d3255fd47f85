import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex, type Ids } from '../kernel/ids.ts';
import type { TokenDoc } from '../store/accounts.ts';
import type { Store } from '../store/index.ts';

const TOKEN_BYTES = 32;

export const deadLink = (): AppError => new AppError('not-found', 'This link has been used, has expired, or was never ours. Ask for a new one.');

/** How long the link of a mail works. */
const LIFE_MS: Readonly<Record<TokenDoc['purpose'], number>> = { invite: 7 * 86_400_000, recover: 86_400_000, reset: 3_600_000, verify: 48 * 3_600_000 };

export type Tokens = ReturnType<typeof makeTokens>;

/** Single-use secrets in the links of mails; the store knows their hashes alone. */
export function makeTokens({ store, clock, ids }: { store: Pick<Store, 'accounts'>; clock: Clock; ids: Ids }) {
  return {
    async mint(
      purpose: TokenDoc['purpose'],
      about: {
        userId?: string;
        email: string;
        organizationId?: string;
        policies?: string[];
        groups?: string[];
        passwordMark?: string;
        sender?: TokenDoc['sender'];
      },
    ): Promise<string> {
      const token = ids.secret(TOKEN_BYTES);
      await store.accounts.addToken({
        _id: sha256Hex(token),
        purpose,
        userId: about.userId ?? '',
        email: about.email,
        organizationId: about.organizationId ?? null,
        policies: about.policies ?? [],
        groups: about.groups ?? [],
        passwordMark: about.passwordMark ?? '',
        ...(about.sender && { sender: about.sender }),
        usedAt: null,
        expiresAt: new Date(clock.real() + LIFE_MS[purpose]),
      });
      return token;
    },

    /** @throws not-found when it was used, is too old, or never was */
    async live(token: string, purpose: TokenDoc['purpose']): Promise<TokenDoc> {
      const found = await store.accounts.token(sha256Hex(token));
      if (!found || found.purpose !== purpose || found.usedAt !== null || found.expiresAt.getTime() < clock.real()) {
        throw deadLink();
      }
      return found;
    },

    /** True: this call used it up. */
    use: (found: TokenDoc): Promise<boolean> => store.accounts.useToken(found._id, clock.real()),
  };
}
