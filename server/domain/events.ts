/** Rule N13: more than this after receipt is clamped to receipt, … */
export const AHEAD_MAX_MS = 5 * 60_000;
/** … and more than this before it is refused and counted as refused. */
export const BEHIND_MAX_MS = 35 * 86_400_000;

/**
 * The instant at which an event counts.
 *
 * @param at  admission by the gateway's clock, epoch ms
 * @param receivedAt  when we got it, epoch ms
 * @returns undefined when it is refused as too old
 */
export function countedAt(at: number, receivedAt: number): number | undefined {
  if (at > receivedAt + AHEAD_MAX_MS) return receivedAt;
  return at < receivedAt - BEHIND_MAX_MS ? undefined : at;
}
