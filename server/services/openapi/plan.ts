import type { ApiDefinition, HttpBackend } from '../../domain/api.ts';
import { isAnotherServer, isSecret } from '../../domain/backend-constants.ts';
import { checkDefinition, operationOf, routeKey } from '../../domain/api-definition.ts';
import { canonicalJson } from '../../domain/plan.ts';
import { readOrigin } from '../../domain/upstream-origin.ts';
import type { ApiDoc } from '../../store/apis.ts';
import { isServed } from '../../store/publications.ts';
import type { ReadOperation } from './reading.ts';

/** What the form asks beside the document. */
export interface ImportSettings {
  /** Backend for all operations, instead of the document's servers; empty: as the document says. */
  readonly origin: string;
  readonly security: 'APP' | 'NONE';
  readonly appCode: boolean;
  readonly timeoutMs: number;
  /**
   * `merge`: new operations are added, known ones take the document's words and parameters and keep what was set here by hand.
   * `override`: known ones become what the document says, and drafts that it does not name go.
   */
  readonly mode: 'merge' | 'override';
}

export type ImportAction = 'create' | 'update' | 'unchanged' | 'refuse' | 'remove' | 'keep';

export interface ImportLine {
  readonly operation: string;
  readonly action: ImportAction;
  readonly name: string;
  /** What it would be; null where nothing is written. */
  readonly definition: ApiDefinition | null;
  /** The API it meets; null when it is new. */
  readonly api: ApiDoc | null;
  readonly notes: readonly string[];
  /** Why it is refused or kept. */
  readonly reason: string;
}

export interface ImportGround {
  /** The group's APIs as they are. */
  readonly present: readonly ApiDoc[];
  /** Names of products by the APIs they hold. */
  readonly products: ReadonlyMap<string, string>;
  /** Upstreams that may be private. */
  readonly allow: ReadonlySet<string>;
  readonly groupMax: number;
  /** APIs that still fit into the gateway, and what to say of one that does not. */
  readonly gatewayRoom: number;
  readonly gatewayFull: string;
}

/** What an import would do to a group, line by line; pure, so that preview and application say the same. */
export function planImport(operations: readonly ReadOperation[], settings: ImportSettings, ground: ImportGround): ImportLine[] {
  const { present, products, allow, groupMax, gatewayRoom, gatewayFull } = ground;
  const known = new Map(present.map((api) => [routeKey(api.definition.frontend), api]));
  const named = new Set(operations.flatMap(({ definition }) => (definition ? [routeKey(definition.frontend)] : [])));
  const left =
    settings.mode === 'merge' ? [] : present.filter((api) => !named.has(routeKey(api.definition.frontend))).map((api) => leftOver(api, products.get(api._id)));
  const freed = left.filter(({ action }) => action === 'remove').length;
  let created = 0;
  const lines = operations.map((read): ImportLine => {
    if (!read.definition) return { operation: read.operation, action: 'refuse', name: '', definition: null, api: null, notes: read.notes, reason: read.reason };
    const key = routeKey(read.definition.frontend);
    const api = known.get(key) ?? null;
    const definition = merged(settled(read.definition, settings, allow), api?.definition, settings.mode);
    const base = { operation: read.operation, name: definition.name, api, notes: [...read.notes, ...lostConstants(definition, api)] };
    const [fault] = Object.values(checkDefinition(definition, allow));
    if (fault !== undefined) return { ...base, action: 'refuse', definition: null, reason: fault };
    const secrets = api === null ? [] : secretsThatMove(definition, api.definition);
    if (secrets.length > 0) return { ...base, action: 'refuse', definition: null, reason: typeAgain(definition, secrets) };
    if (api) return { ...base, action: canonicalJson(api.definition) === canonicalJson(definition) ? 'unchanged' : 'update', definition, reason: '' };
    if (created >= groupMax - present.length + freed)
      return { ...base, action: 'refuse', definition: null, reason: `The group is full: it holds at most ${groupMax.toLocaleString('en')} APIs.` };
    if (created >= gatewayRoom + freed) return { ...base, action: 'refuse', definition: null, reason: gatewayFull };
    created += 1;
    return { ...base, action: 'create', definition, reason: '' };
  });
  return [...lines, ...left];
}

/** A document carries no hidden values: what an import takes away with them has to be typed again. */
function lostConstants({ backendParameters }: ApiDefinition, api: ApiDoc | null): string[] {
  const names = backendParameters.length > 0 ? [] : (api?.definition.backendParameters ?? []).map(({ name }) => name);
  return names.length === 0 ? [] : [`Its hidden values go: ${names.join(', ')}.`];
}

/** Names of hidden values that would go to another server than the one they were typed for. */
const secretsThatMove = ({ backend, backendParameters }: ApiDefinition, old: ApiDefinition): string[] =>
  isAnotherServer(old.backend, backend) ? backendParameters.filter(isSecret).map(({ name }) => name) : [];

const typeAgain = ({ backend }: ApiDefinition, secrets: readonly string[]): string =>
  `Its backend would be another server, ${(backend as HttpBackend).origin}. Change it in the API’s form and type its hidden values again there: ${secrets.join(', ')}.`;

function leftOver(api: ApiDoc, product: string | undefined): ImportLine {
  const base = { operation: operationOf(api.definition.frontend), name: api.definition.name, definition: null, api, notes: [] };
  if (product !== undefined) return { ...base, action: 'keep', reason: `The document does not name it, but the product ${product} contains it.` };
  return isServed(api)
    ? { ...base, action: 'keep', reason: 'The document does not name it, but it is live: take it offline first.' }
    : { ...base, action: 'remove', reason: 'The document does not name it.' };
}

/** The form's choices, put into what the document says. */
function settled(definition: ApiDefinition, { origin, security, appCode, timeoutMs }: ImportSettings, allow: ReadonlySet<string>): ApiDefinition {
  const backend = definition.backend as HttpBackend;
  const chosen = origin === '' ? backend.origin : origin;
  const reading = readOrigin(chosen, allow);
  return {
    ...definition,
    security,
    appCode: appCode && security === 'APP',
    backend: { ...backend, timeoutMs, origin: reading.fault === undefined ? reading.origin : chosen },
  };
}

function merged(fresh: ApiDefinition, old: ApiDefinition | undefined, mode: ImportSettings['mode']): ApiDefinition {
  if (!old || mode === 'override') return fresh;
  const { security, appCode, backendParameters, cors, streaming, upgrade } = old;
  const backend =
    old.backend.kind === 'http' && fresh.backend.kind === 'http'
      ? { ...fresh.backend, timeoutMs: old.backend.timeoutMs, retries: old.backend.retries, method: old.backend.method }
      : old.backend;
  return { ...fresh, security, appCode, backendParameters, cors, streaming: streaming || fresh.streaming, upgrade, backend };
}
