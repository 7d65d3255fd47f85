/** What an API is: the provider's draft, and, frozen by publishing, what the gateway serves. */
export interface ApiDefinition {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly frontend: Frontend;
  readonly security: 'NONE' | 'APP' | 'AUTHORIZER' | 'APP_AUTHORIZER';
  /** AppCode is opt-in per API; the signature always works for APP. */
  readonly appCode: boolean;
  readonly parameters: readonly RequestParameter[];
  readonly backend: Backend;
  readonly backendParameters: readonly BackendParameter[];
  readonly cors: boolean;
  /** SSE and other long answers: recorded by the minute, nothing counts as aborted (rule N14). */
  readonly streaming: boolean;
  /** WebSocket and other upgrades are admitted. */
  readonly upgrade: boolean;
  /** The operation of the OpenAPI document it came from: `GET /countries/{code}`; null when made by hand. */
  readonly operation: string | null;
}

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';

export interface Frontend {
  readonly method: HttpMethod | 'ANY';
  /** Begins with `/`; `{name}` for one segment, trailing `{name+}` for the rest. Case-sensitive; `/a` ≠ `/a/`. */
  readonly path: string;
  readonly match: 'exact' | 'prefix';
}

export interface RequestParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly type: 'string' | 'number' | 'integer' | 'boolean';
  readonly description: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly default?: string;
  readonly example?: string;
}

export type Backend = HttpBackend | MockBackend;

export interface HttpBackend {
  readonly kind: 'http';
  /** Origin only: scheme, host and port, no credentials. */
  readonly origin: string;
  readonly method: HttpMethod | 'SAME';
  /** May use the frontend's `{name}`; what a `prefix` match left over is appended. */
  readonly path: string;
  readonly timeoutMs: number;
  /** Further tries of idempotent methods when the connection was refused; 0–3. */
  readonly retries: number;
}

export interface MockBackend {
  readonly kind: 'mock';
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** A value the gateway adds for the backend, hidden from callers; sealed wherever it is stored, carried or kept on disk. */
export interface BackendParameter extends BackendPlace {
  /** Not shown again to its owner either. Absent in what earlier releases wrote: there the name decides. */
  readonly secret?: boolean;
  /** AES-256-GCM ciphertext of the value, `keyId.iv.tag.data`. */
  readonly sealed?: string;
  /** In clear: only in what earlier releases wrote, until the worker seals it. */
  readonly value?: string;
}

export interface BackendPlace {
  readonly name: string;
  readonly in: 'query' | 'header';
}

/** The same as its owner sends it. */
export interface TypedParameter extends BackendPlace {
  /** Absent: the name decides. */
  readonly secret?: boolean;
  /** In clear; absent: what is stored stays. */
  readonly value?: string;
}

/** A definition as its owner sends it: values in clear where they are new. */
export interface ApiDraft extends Omit<ApiDefinition, 'backendParameters'> {
  readonly backendParameters: readonly TypedParameter[];
}
