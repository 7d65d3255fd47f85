import { operationOf } from '../../domain/api-definition.ts';
import { EDITIONS, windowWords } from '../../domain/gateway-rules.ts';
import type { ApiSummary } from '../../services/catalog/apis.ts';
import type { GroupCounts } from '../../services/catalog/overview.ts';
import type { ImportLine } from '../../services/openapi-import.ts';
import type { UpstreamTestResult } from '../../services/upstream-test.ts';
import type { GatewayDoc, GroupDoc } from '../../store/gateways.ts';
import type { ProductDoc } from '../../store/products.ts';

export type GatewayTab = 'groups' | 'apis' | 'environments' | 'endpoints' | 'parameters' | 'calls' | 'quotas' | 'settings';

export const gatewayTabs = ({ _id }: GatewayDoc, current: GatewayTab) =>
  (['groups', 'apis', 'environments', 'endpoints', 'parameters', 'calls', 'quotas', 'settings'] as const).map((tab) => ({
    text: {
      groups: 'Groups',
      apis: 'APIs',
      environments: 'Environments',
      endpoints: 'Endpoints',
      parameters: 'Parameters',
      calls: 'Calls',
      quotas: 'Quotas',
      settings: 'Settings',
    }[tab],
    href: `/gateways/${_id}/${tab}`,
    current: tab === current,
  }));

export type ApiTab = 'definition' | 'publishing' | 'access' | 'test';

export const apiTabs = (gatewayId: string, apiId: string, current: ApiTab) =>
  (['definition', 'publishing', 'access', 'test'] as const).map((tab) => ({
    text: { definition: 'Definition', publishing: 'Publishing', access: 'Access', test: 'Connection test' }[tab],
    href: `/gateways/${gatewayId}/apis/${apiId}${tab === 'definition' ? '' : `/${tab}`}`,
    current: tab === current,
  }));

export type ProductTab = 'overview' | 'listing' | 'apis' | 'plans';

export const productTabs = (productId: string, current: ProductTab) =>
  (['overview', 'listing', 'apis', 'plans'] as const).map((tab) => ({
    text: { overview: 'Overview', listing: 'Listing', apis: 'APIs', plans: 'Plans' }[tab],
    href: `/products/${productId}${tab === 'overview' ? '' : `/${tab}`}`,
    current: tab === current,
  }));

interface Crumb {
  readonly text: string;
  readonly href?: string;
}

const GATEWAYS: Crumb = { text: 'Gateways', href: '/gateways' };
export const gatewayTrail = ({ _id, name }: GatewayDoc, ...more: Crumb[]): Crumb[] =>
  more.length === 0 ? [GATEWAYS, { text: name }] : [GATEWAYS, { text: name, href: `/gateways/${_id}` }, ...more];
export const groupTrail = (gateway: GatewayDoc, { _id, name }: GroupDoc, ...more: Crumb[]): Crumb[] =>
  more.length === 0 ? gatewayTrail(gateway, { text: name }) : gatewayTrail(gateway, { text: name, href: `/gateways/${gateway._id}/groups/${_id}` }, ...more);
export const productTrail = ({ _id, name }: ProductDoc, ...more: Crumb[]): Crumb[] =>
  more.length === 0
    ? [{ text: 'Products', href: '/products' }, { text: name }]
    : [{ text: 'Products', href: '/products' }, { text: name, href: `/products/${_id}` }, ...more];

export const gatewayModel = ({ _id, name, description, createdAt, rev, edition, tags, windowStart, maintenance, privateOnly }: GatewayDoc) => ({
  id: _id,
  name,
  description,
  createdAt,
  rev,
  edition: EDITIONS[edition],
  tags,
  window: windowWords(windowStart),
  maintenance,
  privateOnly: privateOnly === true,
});

export const groupModel = ({ _id, gatewayId, name, description, label, rev }: GroupDoc, gatewayUrl: string) => ({
  id: _id,
  gatewayId,
  name,
  description,
  label,
  rev,
  address: `${gatewayUrl}/${label}`,
});

export const countsModel = ({ group, apis, live }: GroupCounts, gatewayUrl: string) => ({ ...groupModel(group, gatewayUrl), apis, live });

/**
 * What people call an API: its name, unless that is an identifier, such as the operation id of an imported document; then its summary
 * says more, and the identifier stands beside it.
 */
export const apiTitle = ({ name, summary }: { readonly name: string; readonly summary: string }): string =>
  summary === '' || /\s/.test(name) ? name : summary;

export function apiModel({ api, status, changed }: ApiSummary) {
  const { definition } = api;
  return {
    id: api._id,
    gatewayId: api.gatewayId,
    groupId: api.groupId,
    rev: api.rev,
    name: definition.name,
    title: apiTitle(definition),
    identifier: apiTitle(definition) === definition.name ? '' : definition.name,
    summary: definition.summary,
    method: definition.frontend.method,
    path: definition.frontend.path,
    prefix: definition.frontend.match === 'prefix',
    operation: operationOf(definition.frontend),
    security: definition.security,
    open: !definition.security.startsWith('APP'),
    backend: definition.backend.kind === 'mock' ? 'fixed answer' : definition.backend.origin,
    mock: definition.backend.kind === 'mock',
    state: status,
    changed,
    updatedAt: api.updatedAt,
  };
}

/** What happens to an operation of a document, as a word and a tone. */
const ACTIONS: Readonly<Record<ImportLine['action'], readonly [string, string]>> = {
  create: ['New', 'good'],
  update: ['Changed', 'busy'],
  unchanged: ['As it is', 'quiet'],
  refuse: ['Refused', 'bad'],
  remove: ['Removed', 'warn'],
  keep: ['Kept', 'warn'],
};
export const importLineModel = ({ operation, action, name, notes, reason }: ImportLine) => {
  const [method = '', path = ''] = [operation.slice(0, operation.indexOf(' ')), operation.slice(operation.indexOf(' ') + 1)];
  return { method, path, name, action, word: ACTIONS[action][0], tone: ACTIONS[action][1], notes: reason === '' ? notes : [reason, ...notes] };
};

export function importCounts(lines: readonly ImportLine[]) {
  const count = (action: ImportLine['action']) => lines.filter((line) => line.action === action).length;
  return {
    operations: lines.filter(({ action }) => action !== 'remove' && action !== 'keep').length,
    created: count('create'),
    updated: count('update'),
    unchanged: count('unchanged'),
    refused: count('refuse'),
    removed: count('remove'),
    kept: count('keep'),
    noted: lines.filter(({ notes, action }) => notes.length > 0 && action !== 'refuse').length,
    changes: count('create') + count('update') + count('remove'),
  };
}

const STEP_WORDS = { address: 'Address', name: 'Name server', connection: 'Connection', encryption: 'Encryption', answer: 'Answer' } as const;
const OUTCOMES = { ok: ['Good', 'good'], warning: ['Look', 'warn'], failed: ['Failed', 'bad'], skipped: ['Not tried', 'quiet'] } as const;
export const testModel = ({ report, called, notes }: UpstreamTestResult) => ({
  called,
  notes,
  reachable: report.reachable,
  steps: report.steps.map(({ name, outcome, tookMs, text }) => ({
    title: STEP_WORDS[name],
    word: OUTCOMES[outcome][0],
    tone: OUTCOMES[outcome][1],
    took: tookMs === null ? '' : `${Math.max(1, Math.round(tookMs))} ms`,
    text,
  })),
});
