/**
 * The one reading of a request target: routing, quota, log and the provider all use its result, so that no two of them can disagree
 * about what was asked for (security cases 11–15). What two parsers could read differently is refused, never repaired.
 */
export interface Target {
  /** As it goes to the provider: unreserved characters unescaped, escapes in upper case. Begins with `/`. */
  readonly path: string;
  /** The path's segments, unescaped: `/a/` is `['a', '']`. What routes are compared with. */
  readonly segments: readonly string[];
  /** Without `?`; empty when there is none. As sent. */
  readonly query: string;
  /**
   * A segment holds an escaped slash, which stands as `%2F` in `segments` too: text that is unescaped cannot hold these three characters
   * otherwise, since what is escaped twice is refused.
   */
  readonly slash?: true;
}

export type TargetReading = { readonly target: Target; readonly fault?: undefined } | { readonly fault: string };

/** Every printable ASCII character but those that are no part of a path, or mean different things to different servers. */
const PATH = /^[\x21-\x7e]+$/;
const PATH_REFUSED = /[\\;#"<>^`{|}]/;
/** `%2e %5c %00 %3b`, control characters, and `%25xx`, which is an escape escaped again. */
const ESCAPE_REFUSED = /%(?:2e|5c|3b|[01][0-9a-f]|7f|25[0-9a-f]{2})/i;
const SLASH = '%2F';
/** Told of an escaped slash too, where nobody has said that it may be one. */
export const ESCAPE_FAULT = 'The path holds an escape that is not accepted: %2e, %2f, %5c, %3b, %00, or one escaped twice.';
const ESCAPE_BROKEN = /%(?![0-9a-f]{2})/i;
const QUERY = /^[\x21-\x7e]*$/;
const ESCAPE = /%([0-9a-fA-F]{2})/g;
const UNRESERVED = /[A-Za-z0-9\-._~]/;

/**
 * @param raw  the target of the request line
 * @param host  the `Host` header; an absolute-form target must name the same
 * @param slashes  take escaped slashes, and tell of them: whoever asks for it refuses them where they are not wanted
 */
export function readTarget(raw: string, host: string, slashes = false): TargetReading {
  const local = raw.startsWith('/') ? raw : originForm(raw, host);
  if (local === null) return { fault: 'The target must be a path on this host.' };
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  const query = mark < 0 ? '' : local.slice(mark + 1);
  if (!PATH.test(path) || PATH_REFUSED.test(path)) return { fault: 'The path holds a character that must be escaped or is not accepted.' };
  if (!QUERY.test(query) || query.includes('#')) return { fault: 'The query holds a character that must be escaped.' };
  if (!path.includes('%')) {
    const segments = path.slice(1).split('/');
    return ambiguous(segments) ?? { target: { path, segments, query } };
  }
  if (ESCAPE_BROKEN.test(path)) return { fault: 'The path holds a broken escape.' };
  const canonical = path.replace(ESCAPE, (escape, hex: string) => {
    const character = String.fromCharCode(parseInt(hex, 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
  // Both spellings are looked at: `%25a%41` is an escape escaped twice only once `%41` is read.
  const slash = canonical.includes(SLASH);
  if (ESCAPE_REFUSED.test(path) || ESCAPE_REFUSED.test(canonical) || (slash && !slashes)) return { fault: ESCAPE_FAULT };
  const segments: string[] = [];
  for (const segment of canonical.slice(1).split('/')) {
    const text = unescapeText(slash ? segment.replaceAll(SLASH, '%252F') : segment);
    if (text === null) return { fault: 'The path is not UTF-8.' };
    segments.push(text);
  }
  return ambiguous(segments, slash) ?? { target: slash ? { path: canonical, segments, query, slash } : { path: canonical, segments, query } };
}

/** A provider that reads an escaped slash as one would climb by `a%2F..%2Fb`. */
const DOTS = /(?:^|%2F)\.\.?(?:%2F|$)/;

/** `.`, `..` and an empty segment before the last: servers resolve, merge or keep them. */
function ambiguous(segments: readonly string[], slash = false): { fault: string } | null {
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] as string;
    if (segment === '.' || segment === '..' || (segment === '' && i < segments.length - 1) || (slash && DOTS.test(segment)))
      return { fault: 'The path holds an empty, `.` or `..` segment.' };
  }
  return null;
}

function originForm(raw: string, host: string): string | null {
  const parts = /^https?:\/\/([^/?#]+)(\/[^#]*)?$/i.exec(raw);
  return parts && parts[1]?.toLowerCase() === host.toLowerCase() ? (parts[2] ?? '/') : null;
}

/** Percent-decoded text; null when the bytes are not UTF-8. */
export function unescapeText(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

const HOST = /^(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/i;
/** A name, an IPv4 or bracketed IPv6 address, and perhaps a port: nothing else. */
export const isHost = (host: string): boolean => host.length <= 255 && HOST.test(host);

/** Name without port, lower case. */
export const hostName = (host: string): string =>
  host
    .replace(/:[0-9]+$/, '')
    .replace(/\.$/, '')
    .toLowerCase();
