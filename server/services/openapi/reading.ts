import type { ApiDefinition } from '../../domain/api.ts';

/** Bounds of a document (ARCHITECTURE, caps): beyond them it is refused with a report, never read to the end. */
export const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;
export const DEPTH_MAX = 200;
export const OPERATIONS_MAX = 3_000;
export const FAULTS_MAX = 200;

/** What became of one operation of the document. */
export interface ReadOperation {
  /** `GET /countries/{code}` as the document has it. */
  readonly operation: string;
  /** Null: it cannot be served here, `reason` says why. */
  readonly definition: ApiDefinition | null;
  /** What was changed or left out on the way; empty = taken as it is. */
  readonly notes: readonly string[];
  readonly reason: string;
}

export interface DocumentReading {
  /** `Swagger 2.0`, `OpenAPI 3.0.3` */
  readonly format: string;
  readonly title: string;
  readonly description: string;
  readonly operations: readonly ReadOperation[];
  /** What concerns the document as a whole. */
  readonly notes: readonly string[];
  /** Where it breaks its own specification; told, and no reason to refuse it. */
  readonly faults: readonly string[];
  /** Further faults beyond {@link FAULTS_MAX}. */
  readonly moreFaults: number;
}

/** A document is read, or refused whole with the reason in words. */
export type DocumentResult =
  /** `kept`: what may be stored in place of the document, where it held secrets. */
  { readonly reading: DocumentReading; readonly kept?: string; readonly refusal?: undefined } | { readonly reading?: undefined; readonly refusal: string };

/** What the worker tells, in this order; `faults` may never come when the document is too large to be checked. */
export type WorkerMessage =
  | { readonly kind: 'refusal'; readonly refusal: string }
  | { readonly kind: 'withheld'; readonly text: string }
  | { readonly kind: 'reading'; readonly reading: DocumentReading }
  | { readonly kind: 'faults'; readonly faults: readonly string[]; readonly moreFaults: number };
