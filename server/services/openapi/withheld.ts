import { isMap, type JsonMap } from './parse.ts';

/** User name and password in an address. */
const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)?[^\s/?#@]+@(?=[^\s/?#@])/i;
/** The reference system's export: the backend of an operation, and its policies, with constants in clear. */
const BACKEND = /^x-apigateway-backend/i;
const TOLD_MAX = 50;

/**
 * Take what would be a secret of the provider's out of a document that is kept: user names and passwords in addresses of servers, and the constants of
 * `x-apigateway-backend`. Bounded by what the parser let through; changes the document.
 * @returns what was left out, in words for the report
 */
export function withholdSecrets(document: JsonMap): string[] {
  const said = new Set<string>();
  const address = (holder: JsonMap, key: string): void => {
    const text = holder[key];
    if (typeof text !== 'string' || !USER_INFO.test(text)) return;
    holder[key] = text.replace(USER_INFO, '$1');
    said.add('A server’s address had a user name or password in it; it was left out. What the server asks for is set as a hidden value.');
  };
  address(document, 'host');
  const rest: { value: unknown; backend: boolean }[] = [{ value: document, backend: false }];
  for (let next = rest.pop(); next; next = rest.pop()) {
    const { value, backend } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (isMap(value)) {
      if (Array.isArray(value['servers'])) for (const server of value['servers']) if (isMap(server)) address(server, 'url');
      if (backend) {
        for (const key of ['address', 'url']) address(value, key);
        if (/^constant$/i.test(String(value['origin'])) && value['value'] !== undefined) {
          delete value['value'];
          const name = typeof value['name'] === 'string' ? value['name'].slice(0, 64) : '';
          said.add(`The value of the backend’s constant ${name || 'without a name'} was left out. Type it as a hidden value of the API.`);
        }
      }
    }
    for (const [key, inner] of Object.entries(value)) rest.push({ value: inner, backend: backend || BACKEND.test(key) });
  }
  const all = [...said];
  return all.length > TOLD_MAX ? [...all.slice(0, TOLD_MAX), `${all.length - TOLD_MAX} further values were left out.`] : all;
}
