import type { CallBody } from '../body.ts';
import type { Delivery } from '../delivery.ts';
import type { ClientTls } from './client-tls.ts';

/** A request as the provider gets it: built by us from what is allowed, never the caller's copied. */
export interface UpstreamRequest {
  readonly origin: string;
  /** The client certificate for encrypted connections; null: none is shown. */
  readonly tls: ClientTls | null;
  /** `host` or `host:port`, for the Host header. */
  readonly host: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names and values in turn, without Host. */
  readonly headers: string[];
  readonly body: CallBody | null;
  /** Announced length of the body; -1 when it is chunked. */
  readonly contentLength: number;
  /** Further tries when the connection was refused. */
  readonly retries: number;
}

/** How requests get to providers. Three of them exist, and pass the same conformance suite. */
export interface Engine {
  send(request: UpstreamRequest, delivery: Delivery): void;
  /** Connections that nobody can use any more are closed. @param keys  of those in use, by `connectionKey` */
  retain(keys: ReadonlySet<string>): void;
  close(): Promise<void>;
}

/** A request that may be sent again when a kept connection turned out to be closed: safe, and nothing of a body is gone. */
export const isRepeatable = ({ method, body }: UpstreamRequest): boolean => body === null && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS');
