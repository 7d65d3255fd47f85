import type { Actor } from '../../domain/actor.ts';
import type { GatewayDoc } from '../../store/gateways.ts';
import type { LoggedCall } from '../../store/usage.ts';
import { ownGateway, type CatalogDependencies } from './own.ts';

export interface NotedCalls {
  readonly gateway: GatewayDoc;
  /** Newest first, at most {@link NOTED_CALLS_MAX}, of the last day. */
  readonly calls: readonly LoggedCall[];
}

export interface CallNotesReader {
  /** The newest calls of a gateway beside which something was noted. */
  list(actor: Actor, gatewayId: string): Promise<NotedCalls>;
}

export const NOTED_CALLS_MAX = 100;
const FIRST_SPAN_MS = 5_000;
const SPAN_GROWTH = 4;
const LOOKED_BACK_MS = 86_400_000;
/** Clocks of gateways may be ahead of ours by this. */
const AHEAD_MS = 300_000;

export function makeCallNotes({ store, clock }: Pick<CatalogDependencies, 'clock' | 'store'>): CallNotesReader {
  return {
    async list(actor, gatewayId) {
      const gateway = await ownGateway(store, actor, gatewayId);
      const calls: LoggedCall[] = [];
      const oldest = clock.now() - LOOKED_BACK_MS;
      let to = clock.now() + AHEAD_MS;
      let from = clock.now() - FIRST_SPAN_MS;
      // Backwards in spans that grow while little is found: a busy gateway fills the page from its last seconds.
      for (let spanMs = FIRST_SPAN_MS; to > oldest && calls.length < NOTED_CALLS_MAX; to = from, from = Math.max(oldest, from - (spanMs *= SPAN_GROWTH)))
        calls.push(...(await store.usage.notedCalls(gatewayId, from, to)));
      return { gateway, calls: calls.sort((a, b) => b.at - a.at).slice(0, NOTED_CALLS_MAX) };
    },
  };
}
