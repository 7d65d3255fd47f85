/** A person without a browser: keeps cookies, sends forms as a browser would from the same site, follows nothing by itself. */
export interface Visitor {
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, fields?: Record<string, string | readonly string[]>, headers?: Record<string, string>): Promise<Answer>;
  readonly cookies: ReadonlyMap<string, string>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Path of a redirect within the site, or the whole address elsewhere. */
  readonly location: string | null;
}

export function visitor(origin: string): Visitor {
  const cookies = new Map<string, string>();

  async function send(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(new URL(path, origin), {
      redirect: 'manual',
      ...init,
      headers: { accept: 'text/html', cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '), ...(init.headers as Record<string, string>) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = '', ...value] = pair.split('=');
      if (/expires=thu, 01 jan 1970/i.test(line)) cookies.delete(name);
      else cookies.set(name, value.join('='));
    }
    const location = response.headers.get('location');
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: location?.startsWith(origin) ? location.slice(origin.length) : location,
    };
  }

  return {
    cookies,
    get: (path, headers = {}) => send(path, { headers }),
    post(path, fields = {}, headers = {}) {
      const body = new URLSearchParams();
      for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, String(one));
      return send(path, { method: 'POST', body, headers: { 'sec-fetch-site': 'same-origin', ...headers } });
    },
  };
}

/** The session's id as the cookie carries it, in front of its signature; empty without a session. */
export const sessionIdOf = ({ cookies }: Pick<Visitor, 'cookies'>): string =>
  decodeURIComponent(cookies.get('tollgate') ?? '')
    .slice(2)
    .split('.')[0] ?? '';
