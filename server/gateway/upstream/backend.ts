import type { ApiDefinition, BackendPlace, HttpMethod, MockBackend } from '../../domain/api.ts';
import { parsePath } from '../../domain/route.ts';
import { escapeText } from '../../domain/signature.ts';
import type { OpenConstant } from '../constants.ts';

/** A backend ready to be called: the path as pieces, constants already spelled. */
export interface CompiledBackend {
  readonly mock: MockBackend | null;
  /** Scheme, host and port; empty for a mock. */
  readonly origin: string;
  readonly host: string;
  readonly method: HttpMethod | null;
  /** Null: the caller's path goes on as it is. */
  readonly path: readonly PathPiece[] | null;
  /** Constant query parameters, `a=b&c=d`; empty when there are none. */
  readonly query: string;
  /** Constant headers, names and values in turn. */
  readonly headers: readonly string[];
  /** To the first byte, and between two. */
  readonly timeoutMs: number;
  readonly retries: number;
  /** A constant of it cannot be opened: a call without it is not what the provider asked for, so none is made. */
  readonly sealed: boolean;
}

type PathPiece = { readonly text: string } | { readonly param: string };

/** @param opened  the definition's constants; null when no key opens one of them */
export function compileBackend({ backend, frontend }: ApiDefinition, opened: readonly OpenConstant[] | null, timeoutMaxMs = 600_000): CompiledBackend {
  const constants = (place: BackendPlace['in']) => (opened ?? []).filter((one) => one.in === place);
  const common = {
    sealed: opened === null,
    query: constants('query')
      .map(({ name, value }) => `${escapeText(name)}=${escapeText(value)}`)
      .join('&'),
    headers: constants('header').flatMap(({ name, value }) => [name, value]),
  };
  if (backend.kind === 'mock') return { ...common, mock: backend, origin: '', host: '', method: null, path: null, timeoutMs: 0, retries: 0 };
  const { origin, host } = new URL(backend.origin);
  return {
    ...common,
    mock: null,
    origin,
    host,
    method: backend.method === 'SAME' ? null : backend.method,
    path: backend.path === frontend.path && frontend.match === 'exact' ? null : pieces(backend.path),
    timeoutMs: Math.min(backend.timeoutMs, timeoutMaxMs),
    retries: backend.retries,
  };
}

const pieces = (path: string): PathPiece[] => {
  const list: PathPiece[] = [];
  for (const segment of parsePath(path)) list.push('literal' in segment ? { text: `/${escapePath(segment.literal)}` } : { param: segment.param });
  return list;
};

/** A path segment's text: what a path may hold unescaped stays readable. */
const escapePath = (text: string): string => encodeURIComponent(text).replace(/%(?:40|3A|24|26|2B|2C|3D)/g, decodeURIComponent);

/**
 * The path for the provider.
 * @param path  the caller's, canonical, behind the label
 * @param taken  segments that the frontend's path took; what a prefix match left over is appended
 * @param written  the parameters are as the path spells them
 */
export function backendPath(
  backend: CompiledBackend,
  path: string,
  params: Readonly<Record<string, string>>,
  taken: number,
  prefix: boolean,
  written: boolean,
): string {
  if (backend.path === null) return path;
  let text = '';
  const last = backend.path.at(-1);
  for (const piece of backend.path) {
    if ('text' in piece) text += piece.text;
    else {
      const value = params[piece.param] ?? '';
      const spelled = written ? value : value.split('/').map(escapePath).join('/');
      // What stands behind it brings a slash of its own.
      text += `/${piece === last ? spelled : spelled.replace(/\/$/, '')}`;
    }
  }
  if (!prefix) return text;
  const rest = path.slice(1).split('/').slice(taken).join('/');
  if (path.slice(1).split('/').length <= taken) return text;
  return text.endsWith('/') ? text + rest : `${text}/${rest}`;
}
