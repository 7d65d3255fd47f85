import type { Actor } from '../../domain/actor.ts';
import type { Store } from '../../store/index.ts';
import type { Changes } from '../changes.ts';
import type { Constants } from './constants.ts';

export interface Resealing {
  /**
   * Seal constants that earlier releases left in clear, and those under a key that no longer encrypts. Safe to run twice and at once.
   * @returns how many drafts and publications were rewritten
   */
  carryOut(actor: Actor): Promise<number>;
}

export interface ResealingDependencies {
  readonly store: Pick<Store, 'apis'>;
  readonly changes: Pick<Changes, 'announce'>;
  readonly constants: Pick<Constants, 'renewed'>;
}

export function makeResealing({ store: { apis }, changes, constants }: ResealingDependencies): Resealing {
  return {
    async carryOut() {
      let drafts = 0;
      let publications = 0;
      for await (const { _id, rev, definition } of apis.withConstants()) {
        const list = constants.renewed(_id, definition.backendParameters);
        // Whoever saves it meanwhile seals it, too.
        if (list && (await apis.resealApi(_id, rev, list))) drafts += 1;
      }
      for await (const { _id, apiId, definition } of apis.publicationsWithConstants()) {
        const list = constants.renewed(apiId, definition.backendParameters);
        if (list && (await apis.resealPublication(_id, list))) publications += 1;
      }
      // Gateways read them again, and write what they keep on disk.
      if (publications > 0) await changes.announce('catalogue-changed', { what: 'constants', id: '*' });
      return drafts + publications;
    },
  };
}
