import { lookup as systemLookup } from 'node:dns/promises';
import { request, type IncomingMessage } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls';
import { isPrivateAddress } from '../domain/address.ts';
import { refusedCertificate } from '../domain/gateway-secrets.ts';
import { readOrigin } from '../domain/upstream-origin.ts';

export interface ProbeTarget {
  /** As a provider types it: scheme, host and port. */
  readonly origin: string;
  /** Path and query, beginning with `/`. */
  readonly path: string;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  /** Shown to a server that asks who calls; null: nothing is. */
  readonly tls?: ProbeTls | null;
}

export interface ProbeTls {
  readonly certificate: string;
  readonly key: string;
  /** Trusted beside everybody's authorities; may be empty. */
  readonly ca: string;
}

export type ProbeStepName = 'address' | 'name' | 'connection' | 'encryption' | 'answer';

export interface ProbeStep {
  readonly name: ProbeStepName;
  readonly outcome: 'ok' | 'warning' | 'failed' | 'skipped';
  /** Null where nothing was measured. */
  readonly tookMs: number | null;
  /** What was found, in words for the provider. */
  readonly text: string;
}

export interface ProbeReport {
  /** A caller would get an answer from there. */
  readonly reachable: boolean;
  readonly steps: readonly ProbeStep[];
  /** Of the answer; null without one. */
  readonly status: number | null;
}

export interface Outbound {
  /** Go the way of a call, step by step, and tell how far it leads. Never throws, follows no redirect, reads no body; ends within {@link PROBE_MS}. */
  probe(target: ProbeTarget): Promise<ProbeReport>;
}

export const PROBE_MS = 10_000;
const STEP_MS = 5_000;
const HEADER_BYTES_MAX = 32 * 1024;

type Lookup = (host: string) => Promise<readonly { readonly address: string }[]>;

export interface OutboundDependencies {
  /** `host:port` pairs that may be private (UPSTREAM_ALLOW). */
  readonly allow: ReadonlySet<string>;
  /** Steady milliseconds. */
  readonly monotonic: () => number;
  readonly lookup?: Lookup;
}

/** Ends the way at a step; only `probe` catches it. */
class DeadEnd extends Error {}

const STEPS: readonly ProbeStepName[] = ['address', 'name', 'connection', 'encryption', 'answer'];

/**
 * Outgoing connections on a provider's word. The name is looked up once, every address it has must be public, and the connection goes to
 * the very address that was checked: a name that changes its mind in between leads nowhere else.
 */
export function makeOutbound({ allow, monotonic, lookup = (host) => systemLookup(host, { all: true, verbatim: false }) }: OutboundDependencies): Outbound {
  return {
    async probe({ origin, path, method, headers, tls: shown = null }) {
      const steps: ProbeStep[] = [];
      const until = monotonic() + PROBE_MS;
      let status: number | null = null;
      let socket: Socket | TLSSocket | undefined;

      async function step<T>(name: ProbeStepName, run: (restMs: number) => Promise<{ value: T; text: string; outcome?: 'warning' | 'skipped' }>): Promise<T> {
        const began = monotonic();
        try {
          const { value, text, outcome = 'ok' } = await run(Math.max(1, Math.min(STEP_MS, until - began)));
          steps.push({ name, outcome, tookMs: outcome === 'skipped' || name === 'address' ? null : monotonic() - began, text });
          return value;
        } catch (error) {
          steps.push({
            name,
            outcome: 'failed',
            tookMs: null,
            text:
              (name === 'answer' || name === 'encryption') && error instanceof Error
                ? (refusedCertificate(error, shown !== null) ?? wordsOf(error))
                : wordsOf(error),
          });
          throw new DeadEnd();
        }
      }

      try {
        const { host, port, secure } = await step('address', async () => {
          const reading = readOrigin(origin, allow);
          if (reading.fault !== undefined) throw new Refusal(reading.fault);
          return { value: { host: reading.host, port: reading.port, secure: reading.origin.startsWith('https:') }, text: `${reading.origin} may be called.` };
        });
        const address = await step('name', async (restMs) => {
          const found = isIP(host) ? [{ address: host }] : await within(restMs, lookup(host), 'The name server did not answer.');
          const [first] = found;
          if (!first) throw new Refusal(`${host} has no address.`);
          const hidden = found.find((one) => isPrivateAddress(one.address));
          if (hidden && !allow.has(`${host}:${port}`))
            throw new Refusal(`${host} leads to ${hidden.address}, an address inside a private network. Only public addresses can be called.`);
          return {
            value: first.address,
            text: isIP(host)
              ? `${host} is an address already.`
              : `${host} leads to ${first.address}${found.length > 1 ? ` and ${found.length - 1} more` : ''}.`,
          };
        });
        const plain = await step('connection', async (restMs) => ({ value: await opened(address, port, restMs), text: `Port ${port} accepts connections.` }));
        socket = plain;
        socket = await step('encryption', async (restMs) => {
          if (!secure)
            return {
              value: plain,
              text: 'Not encrypted: everything, keys included, travels in the clear. Use https if the server has it.',
              outcome: 'warning' as const,
            };
          const tls = await encrypted(plain, host, restMs, shown);
          return { value: tls, text: `${tls.getProtocol() ?? 'TLS'}, and the certificate is good for ${host}.` };
        });
        const ready = socket;
        status = await step('answer', async (restMs) => {
          const answer = await answered(
            ready,
            { host: port === (secure ? 443 : 80) ? bracketed(host) : `${bracketed(host)}:${port}`, path, method, headers },
            restMs,
          );
          return { value: answer, ...statusWords(answer) };
        });
      } catch (error) {
        if (!(error instanceof DeadEnd)) throw error;
      } finally {
        socket?.destroy();
      }
      const missing = STEPS.slice(steps.length).map((name): ProbeStep => ({ name, outcome: 'skipped', tookMs: null, text: 'Not tried.' }));
      return { reachable: status !== null, steps: [...steps, ...missing], status };
    },
  };
}

/** A fault that is told in our own words. */
class Refusal extends Error {}

const bracketed = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);

async function within<T>(ms: number, attempt: Promise<T>, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([attempt, new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Refusal(late)), ms)))]);
  } finally {
    clearTimeout(timer);
  }
}

function opened(address: string, port: number, ms: number): Promise<Socket> {
  const socket = connect({ host: address, port });
  const attempt = new Promise<Socket>((resolve, reject) => socket.once('connect', () => resolve(socket)).on('error', reject));
  return within(ms, attempt, `Nothing accepts connections within ${Math.round(ms / 1_000)} seconds.`).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
}

function encrypted(plain: Socket, host: string, ms: number, shown: ProbeTls | null): Promise<TLSSocket> {
  const own = shown && { cert: shown.certificate, key: shown.key, ...(shown.ca !== '' && { ca: [...rootCertificates, shown.ca] }) };
  const tls = connectTls({ ...own, socket: plain, host, ...(isIP(host) === 0 && { servername: host }), ALPNProtocols: ['http/1.1'] });
  const attempt = new Promise<TLSSocket>((resolve, reject) => tls.once('secureConnect', () => resolve(tls)).on('error', reject));
  return within(ms, attempt, 'The server does not finish the TLS handshake.').catch((error: unknown) => {
    tls.destroy();
    throw error;
  });
}

function answered(
  socket: Socket,
  { host, path, method, headers }: { host: string; path: string; method: string; headers: Readonly<Record<string, string>> },
  ms: number,
): Promise<number> {
  const call = request({
    createConnection: () => socket,
    method,
    path,
    setHost: false,
    maxHeaderSize: HEADER_BYTES_MAX,
    headers: { ...headers, host, 'user-agent': 'Tollgate-Connection-Test', accept: '*/*', connection: 'close' },
  });
  const attempt = new Promise<number>((resolve, reject) => {
    call.once('response', (answer: IncomingMessage) => {
      answer.destroy();
      resolve(answer.statusCode ?? 0);
    });
    call.on('error', reject);
  });
  call.end();
  return within(ms, attempt, `No answer came within ${Math.round(ms / 1_000)} seconds.`).finally(() => call.destroy());
}

function statusWords(status: number): { text: string; outcome?: 'warning' } {
  if (status >= 500) return { text: `Status ${status}: the server answers, and reports a fault of its own.`, outcome: 'warning' };
  if (status === 401 || status === 403)
    return { text: `Status ${status}: the server answers, and asks for a key. Set it as a hidden backend header.`, outcome: 'warning' };
  if (status === 404 || status === 410) return { text: `Status ${status}: the server answers, but has nothing at this path.`, outcome: 'warning' };
  if (status >= 300 && status < 400)
    return { text: `Status ${status}: the server sends callers elsewhere, which is passed on to them, not followed.`, outcome: 'warning' };
  return { text: `Status ${status}.`, ...(status >= 400 && { outcome: 'warning' as const }) };
}

const NETWORK_WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'The server’s certificate has expired.',
  CERT_NOT_YET_VALID: 'The server’s certificate is not valid yet.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'The server signed its certificate itself, so nobody can tell who it is.',
  EAI_AGAIN: 'The name server did not answer.',
  ECONNREFUSED: 'Nothing accepts connections on this port.',
  ECONNRESET: 'The server broke the connection off.',
  EHOSTUNREACH: 'The server cannot be reached.',
  ENETUNREACH: 'The server’s network cannot be reached.',
  ENODATA: 'This name has no address.',
  ENOTFOUND: 'There is no such name.',
  EPIPE: 'The server broke the connection off.',
  EPROTO: 'The server does not speak TLS on this port.',
  ERR_SSL_WRONG_VERSION_NUMBER: 'The server does not speak TLS on this port: perhaps it is http, not https.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The server’s certificate is for another name.',
  HPE_INVALID_CONSTANT: 'What the server sends is no HTTP.',
  SELF_SIGNED_CERT_IN_CHAIN: 'The server’s certificate was signed by nobody who is generally trusted.',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'The server’s certificate was signed by nobody who is generally trusted.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'The server sends an incomplete chain of certificates.',
};

function wordsOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code !== 'string') return 'The server could not be called.';
  return NETWORK_WORDS[code] ?? (code.startsWith('HPE_') ? 'What the server sends is no HTTP.' : `The server could not be called (${code}).`);
}
