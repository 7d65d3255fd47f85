import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import { isPrivateAddress } from '../domain/address.ts';
import { readOrigin } from '../domain/upstream-origin.ts';
import { AppError } from '../kernel/errors.ts';

const CALL_MS = 8_000;
const CONNECT_MS = 4_000;
const BODY_BYTES_MAX = 256 * 1024;
const HEADER_BYTES_MAX = 16 * 1024;

/** What `fetch` takes, as far as an OpenID client uses it. */
export interface GuardedCall {
  readonly method?: string | undefined;
  readonly headers?: Record<string, string> | undefined;
  readonly body?: string | URLSearchParams | Uint8Array | ArrayBuffer | null | undefined;
}

type Lookup = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

export type GuardedFetch = (address: string, call: GuardedCall) => Promise<Response>;

/** Nobody is signed in by an issuer, or none is reached; in words for the page. */
export const signOnFailed = (detail: string, cause?: unknown): AppError => new AppError('single-sign-on-failed', detail, { cause });

/**
 * Call a server that a customer names: only public addresses (`allow` excepted), the very address that was checked, no redirect, and bounds on time and size.
 * @throws single-sign-on-failed, in words
 */
export function makeGuardedFetch(allow: ReadonlySet<string>, lookup: Lookup = (host) => systemLookup(host, { all: true })): GuardedFetch {
  return async (address, { method = 'GET', headers = {}, body }) => {
    const url = new URL(address);
    const reading = readOrigin(url.origin, allow);
    if (reading.fault !== undefined) throw signOnFailed(`${url.origin} cannot be called: ${reading.fault}`);
    const { host, port } = reading;
    const found = isIP(host) ? [{ address: host, family: isIP(host) }] : await lookup(host).catch((cause: unknown) => fail(url, cause));
    const hidden = found.find((one) => isPrivateAddress(one.address));
    if (found.length === 0 || (hidden && !allow.has(`${host}:${port}`))) throw signOnFailed(`${host} does not lead to a public address.`);
    const agent = new Agent({
      connect: {
        timeout: CONNECT_MS,
        // The name is not looked up again: one that changes its mind leads nowhere else.
        lookup: (_name, options, callback) => {
          const [first] = found;
          if (options.all === true) callback(null, [...found]);
          else callback(null, first?.address ?? '', first?.family);
        },
      },
      headersTimeout: CALL_MS,
      bodyTimeout: CALL_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      maxResponseSize: BODY_BYTES_MAX,
      pipelining: 0,
    });
    try {
      const answer = await undiciFetch(url, {
        dispatcher: agent,
        method,
        headers: { ...headers, 'accept-encoding': 'identity' },
        redirect: 'manual',
        signal: AbortSignal.timeout(CALL_MS),
        ...(body !== null && body !== undefined && { body: body instanceof URLSearchParams ? body.toString() : body }),
      });
      const text = await answer.text();
      const type = answer.headers.get('content-type');
      const known = [204, 205, 304].includes(answer.status) ? null : text;
      return new Response(known, { status: answer.status, headers: type === null ? {} : { 'content-type': type } });
    } catch (cause) {
      return fail(url, cause);
    } finally {
      await agent.destroy();
    }
  };
}

function fail(url: URL, cause: unknown): never {
  throw signOnFailed(`${url.host} does not answer, or not as an issuer should.`, cause);
}
