import { isMap, type JsonMap } from './parse.ts';

export interface Server {
  /** Scheme, host and port; empty when the document names none that can be called. */
  readonly origin: string;
  /** Path before every operation's path; no slash at its end. */
  readonly basePath: string;
}

const NONE: Server = { origin: '', basePath: '' };

/** Where the operations are, as `servers` (3.x) says; the first absolute https address, else the first http one. */
export function serverOf(servers: unknown, notes: string[]): Server | undefined {
  if (!Array.isArray(servers) || servers.length === 0) return undefined;
  const read = servers.flatMap((entry) => (isMap(entry) && typeof entry['url'] === 'string' ? [readUrl(filled(entry['url'], entry['variables']))] : []));
  const best = read.find(({ origin }) => origin.startsWith('https:')) ?? read.find(({ origin }) => origin !== '') ?? read[0];
  if (read.filter(({ origin }) => origin !== '').length > 1 && best)
    notes.push(`The document names ${read.length} servers; ${best.origin}${best.basePath} is taken.`);
  return best;
}

/** `host`, `basePath` and `schemes` of Swagger 2.0. */
export function serverOfSwagger(root: JsonMap): Server {
  const basePath = typeof root['basePath'] === 'string' ? root['basePath'] : '';
  const host = typeof root['host'] === 'string' ? root['host'] : '';
  const schemes = Array.isArray(root['schemes']) ? root['schemes'] : [];
  const scheme = schemes.length === 0 || schemes.includes('https') ? 'https' : 'http';
  return host === '' ? { ...NONE, basePath: tidyPath(basePath) } : readUrl(`${scheme}://${host}${basePath.startsWith('/') ? '' : '/'}${basePath}`);
}

function filled(url: string, variables: unknown): string {
  return url.replace(/\{([^{}]{1,64})\}/g, (whole, name: string) => {
    const variable = isMap(variables) && Object.hasOwn(variables, name) ? variables[name] : undefined;
    const standard = isMap(variable) ? variable['default'] : undefined;
    return typeof standard === 'string' || typeof standard === 'number' ? String(standard) : whole;
  });
}

function readUrl(text: string): Server {
  if (text.startsWith('/') && !text.startsWith('//')) return { origin: '', basePath: tidyPath(text) };
  try {
    const url = new URL(text);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return NONE;
    // What is still in braces had no default: no host can be made of it.
    if (/[{}]|%7B/i.test(url.host)) return NONE;
    return { origin: url.origin, basePath: tidyPath(url.pathname) };
  } catch {
    return NONE;
  }
}

const tidyPath = (path: string): string => {
  const bare = path.split(/[?#]/)[0]?.replace(/\/+$/, '') ?? '';
  return bare === '' || bare.startsWith('/') ? bare : `/${bare}`;
};
