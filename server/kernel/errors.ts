import { PROBLEMS, type ProblemCode } from './problems.ts';

export interface AppErrorOptions {
  /** What went wrong underneath; for logs only, never shown. */
  readonly cause?: unknown;
  /** Faults by field name, shown beside the field. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly retryAfterSeconds?: number;
}

/**
 * The one error that code throws on purpose. The edge decides how it is shown: an HTML page,
 * `application/problem+json` (RFC 9457) or the gateway's own template. `detail` is public, `cause` private.
 */
export class AppError extends Error {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ProblemCode, detail?: string, { cause, fields = {}, retryAfterSeconds }: AppErrorOptions = {}) {
    super(detail ?? PROBLEMS[code].title, { cause });
    this.name = 'AppError';
    this.code = code;
    this.detail = detail ?? PROBLEMS[code].help;
    this.fields = fields;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get status(): number {
    return PROBLEMS[this.code].status;
  }
}
