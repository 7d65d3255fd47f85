import { hindranceWords, HINDRANCES_SHOWN, isEmpty, type DeletionState, type Held } from '../../services/catalog/deletion.ts';
import type { HeldKind } from '../../store/gateways.ts';
import { counted } from './number.ts';

/** What each kind is called, one and several, and what becomes of it. */
const KINDS: Readonly<Record<HeldKind, readonly [string, string, string]>> = {
  groups: ['group', 'groups', 'Where APIs were published, the label stays reserved for good.'],
  apis: ['API', 'APIs', 'With their definitions.'],
  publications: ['publication', 'publications', 'Every record that could be rolled back to.'],
  authorizations: ['direct authorization', 'direct authorizations', 'Apps that call free of charge.'],
  connections: ['private connection', 'private connections', 'Accepted ones end, requests are refused.'],
  imports: ['kept document', 'kept documents', 'What was imported.'],
  products: ['draft of a product', 'drafts of products', 'Products that were never listed. Retired ones stay, for the bills that name them.'],
  parameters: ['changed parameter', 'changed parameters', ''],
};

const rows = (held: Held) =>
  (Object.keys(KINDS) as HeldKind[]).map((kind) => ({
    kind,
    name: KINDS[kind][1].replace(/^./, (letter) => letter.toUpperCase()),
    count: held[kind],
    note: KINDS[kind][2],
  }));

/** The page on a gateway's deletion: what it would take away, how far it is, or that it is over. */
export function deletionModel({ gateway, held, liveApis, hindrances }: DeletionState, byName: string) {
  const { deletion, goneAt } = gateway;
  const total = (of: Held) => Object.entries(of).reduce((sum, [kind, count]) => (kind === 'parameters' ? sum : sum + count), 0);
  const [before, left] = [deletion ? total(deletion.held) : 0, total(held)];
  return {
    state: !deletion ? 'asked' : gateway.gone ? 'gone' : 'running',
    empty: isEmpty(held),
    rows: rows(deletion?.held ?? held).filter(({ count }) => count > 0),
    left: rows(held).filter(({ count, kind }) => count > 0 && kind !== 'parameters'),
    progress: { used: Math.max(0, before - left), whole: before },
    live: liveApis === 0 ? '' : counted(liveApis, 'API'),
    hindrances: hindrances.slice(0, HINDRANCES_SHOWN).map((hindrance) => ({ productId: hindrance.product._id, words: hindranceWords(hindrance) })),
    hindrancesMore: Math.max(0, hindrances.length - HINDRANCES_SHOWN),
    decidedAt: deletion?.at ?? null,
    goneAt: goneAt ?? null,
    by: byName,
  };
}
