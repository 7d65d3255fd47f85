import type { Clock } from '../../kernel/clock.ts';
import type { Store } from '../../store/index.ts';
import { makeVersioned } from '../kept-lists.ts';

type Settings = Pick<Store['settings'], 'bump' | 'get'>;

const versionOf = (gatewayId: string): string => `catalogue.${gatewayId}`;

/** Call it after every change of a gateway's groups, APIs or publications is stored. */
export const touchCatalogue = async ({ settings }: { readonly settings: Settings }, gatewayId: string): Promise<void> =>
  void (await settings.bump(versionOf(gatewayId)));

/** What a gateway holds, as lists and counts need it, kept in memory: a list of thousands costs one point read while nothing changes. */
export interface Directory {
  /** @param what  which list of the gateway; @param load  reads it whole */
  read<T>(gatewayId: string, what: string, load: () => Promise<readonly T[]>): Promise<readonly T[]>;
}

export function makeDirectory(dependencies: { readonly settings: Settings; readonly clock: Pick<Clock, 'monotonic'> }): Directory {
  const versioned = makeVersioned(dependencies);
  return { read: (gatewayId, what, load) => versioned.read(versionOf(gatewayId), what, load) };
}
