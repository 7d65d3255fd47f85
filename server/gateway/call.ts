import type { Target } from '../domain/target.ts';
import type { AppError } from '../kernel/errors.ts';
import type { CallBody } from './body.ts';
import type { Caller } from './front/caller.ts';
import type { Held, Recorded } from './ports.ts';
import type { CurrentTerms, Grant, LiveCredential, Served } from './table.ts';

/** How a call came in: what is true of everything that arrives at one listener. */
export interface Way {
  /** Null for the public listener; else the private address, in the words in which it is given to a connection. */
  readonly address: string | null;
  /** Proxies in front of this listener whose X-Forwarded-For is believed. */
  readonly trustedHops: number;
}

/** One call on its way. Filters read what stands above them and set what is theirs; nothing else is shared between them. */
export interface Call {
  readonly id: string;
  /** What was asked, and the way an answer gets back. */
  readonly caller: Caller;
  /** Admission by the gateway's clock, epoch ms (rule N13). */
  readonly admittedAt: number;
  /** Steady milliseconds, for durations. */
  readonly startedAt: number;
  readonly method: string;
  readonly fields: Fields;
  readonly way: Way;

  /** What followed the head of a request that asks for another protocol; null for all others. */
  readonly upgradeHead: Buffer | null;

  // guard
  clientAddress: string;
  target: Target;
  /** Bytes announced by the caller; 0 without a body, -1 when chunked. */
  contentLength: number;

  // find-route
  /** The accepted connection it came over; empty on the public listener. */
  via: string;
  label: string;
  /** The target behind the label. */
  path: string;
  segments: readonly string[];
  served: Served | null;
  params: Readonly<Record<string, string>>;
  /** The same as the path spells them, where the gateway passes them on unread; else null. */
  written: Readonly<Record<string, string>> | null;
  taken: number;

  // authenticate, authorize
  credential: LiveCredential | null;
  /** Of the access token that proved who calls: told to the backend. Mostly empty. */
  throughData: string;
  /** Of the key that signed that token; empty: the call was proved otherwise. */
  tokenKeyId: string;
  /** When that token ends, by the machine's clock, epoch ms; 0: the call was proved otherwise. */
  tokenEndsAt: number;
  /** Hex signature of a signed call, for the replay check. */
  signature: string | null;
  /** Hash the body must turn out to have; null when it is not signed, or was checked. */
  bodyHash: string | null;
  grant: Grant | null;
  terms: CurrentTerms | null;

  // request validation, take-limits
  query: string;
  addedHeaders: string[];
  held: Held | null;

  // forwarding
  body: CallBody | null;
  /** The provider may have seen something of it: from here on an end is recorded. */
  forwarded: boolean;
  upstreamStartedAt: number;
  upstreamMs: number;
  bytesOut: number;
  /** Why the provider could not be reached, or the answer was cut off, in words for the provider alone; mostly empty. */
  cause: string;
  /** Nothing more may be answered. */
  answered: boolean;
  /** The outcome is written; nothing is settled twice. */
  finished: boolean;
  /** Its record, whose end is noted once the last bytes left; null when it has none. */
  recorded: Recorded | null;
  /** The caller left. */
  gone: boolean;
  receipt: number;
  /** Among the calls in flight; -1 when it is over. */
  place: number;
  /** The way back, once it was forwarded: it wants to know when the caller leaves, or what let it in has ended. */
  delivery: { leave(): Promise<void>; withdraw(error: AppError): void } | null;
  /** Ends the call at the provider's side and here: the caller left, a drain. */
  abort: ((cause: unknown) => void) | null;
}

/** What the filters look at among the headers, read in one pass. Empty: not sent. */
export interface Fields {
  host: string;
  connection: string;
  contentLength: string;
  transferEncoding: string;
  expect: string;
  upgrade: string;
  authorization: string;
  appCode: string;
  apiKey: string;
  sdkDate: string;
  sdkContentSha256: string;
  stage: string;
  accept: string;
  origin: string;
  requestedMethod: string;
  requestedHeaders: string;
  forwardedFor: string;
  forwardedProto: string;
  mode: string;
  /** Why the headers cannot be taken; empty when they can. */
  fault: string;
  /** Bytes of names and values. */
  bytes: number;
}

const NO_TARGET: Target = { path: '/', segments: [''], query: '' };
const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

/** Every field is given its place at once, so that all calls have one shape. */
export function openCall(id: string, caller: Caller, fields: Fields, admittedAt: number, startedAt: number, upgradeHead: Buffer | null, way: Way): Call {
  return {
    id,
    caller,
    admittedAt,
    startedAt,
    method: caller.method,
    fields,
    upgradeHead,
    way,
    clientAddress: '',
    target: NO_TARGET,
    contentLength: 0,
    via: '',
    label: '',
    path: '',
    segments: [],
    served: null,
    params: NO_PARAMS,
    written: null,
    taken: 0,
    credential: null,
    throughData: '',
    tokenKeyId: '',
    tokenEndsAt: 0,
    signature: null,
    bodyHash: null,
    grant: null,
    terms: null,
    query: '',
    addedHeaders: [],
    held: null,
    body: null,
    forwarded: false,
    upstreamStartedAt: 0,
    upstreamMs: 0,
    bytesOut: 0,
    cause: '',
    answered: false,
    finished: false,
    recorded: null,
    gone: false,
    receipt: 0,
    place: -1,
    delivery: null,
    abort: null,
  };
}
