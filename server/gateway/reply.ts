import { AppError } from '../kernel/errors.ts';
import { PROBLEMS } from '../kernel/problems.ts';
import type { Call } from './call.ts';

const PROBLEM_JSON = 'application/problem+json';
/** A body that was not read and is longer is not read to its end for the sake of the connection. */
const DRAIN_BYTES_MAX = 65_536;

/** Answers that the gateway makes itself. */
export interface Answer {
  readonly status: number;
  readonly headers: string[];
  readonly body: Buffer;
}

/**
 * A refusal, in the default form or as RFC 9457 where the caller asks for it.
 * @param problemUrl  address of the problem's page, without the code
 */
export function refusal(call: Call, error: AppError, problemUrl: string): Answer {
  const { status, title, apig = 'APIG.0601' } = PROBLEMS[error.code];
  const problem = call.fields.accept.includes(PROBLEM_JSON);
  const json = problem
    ? {
        type: `${problemUrl}${error.code}`,
        title,
        status,
        detail: error.detail,
        instance: call.id,
        error_code: apig,
        request_id: call.id,
        ...(Object.keys(error.fields).length > 0 && { fields: error.fields }),
      }
    : { error_code: apig, error_msg: error.detail, request_id: call.id };
  const body = Buffer.from(JSON.stringify(json));
  const headers = ownHeaders(call, problem ? PROBLEM_JSON : 'application/json', body.length);
  headers.push('X-Error-Source', 'gateway');
  if (error.retryAfterSeconds !== undefined || status === 429 || status === 503) headers.push('Retry-After', String(error.retryAfterSeconds ?? 1));
  if (status === 401) headers.push('WWW-Authenticate', 'SDK-HMAC-SHA256, Bearer');
  return { status, headers, body };
}

export function ownHeaders(call: Call, contentType: string, bytes: number): string[] {
  const headers = [
    'Content-Type',
    contentType,
    'Content-Length',
    String(bytes),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    'X-Request-Id',
    call.id,
  ];
  if (!canKeepConnection(call)) headers.push('Connection', 'close');
  if (call.served?.api.definition.cors) headers.push('Access-Control-Allow-Origin', '*');
  return headers;
}

/** After an answer that came before the body was read, the connection is worth keeping only if little is left to read. */
export const canKeepConnection = ({ caller, contentLength }: Call): boolean =>
  caller.complete || contentLength === 0 || (contentLength > 0 && contentLength <= DRAIN_BYTES_MAX);

/** Whatever was thrown, as something that may be answered. What is not ours is a fault of the gateway and says nothing of itself. */
export const asAppError = (error: unknown): AppError =>
  error instanceof AppError && PROBLEMS[error.code].apig !== undefined ? error : new AppError('gateway-fault', undefined, { cause: error });
