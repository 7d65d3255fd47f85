/** A path of this site and nothing else: no scheme, no host, no backslash, no control byte; otherwise `fallback`. */
export function safePath(given: unknown, fallback: string): string {
  const text = typeof given === 'string' ? given : '';
  if (!/^\/(?![/\\])[^\\\u0000-\u001f]*$/.test(text)) return fallback;
  const resolved = new URL(text, 'http://portal.invalid');
  return resolved.host === 'portal.invalid' && !resolved.pathname.startsWith('//') ? resolved.pathname + resolved.search + resolved.hash : fallback;
}
