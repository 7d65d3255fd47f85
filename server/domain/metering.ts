/**
 * How a call ended, as the record says it (rule N14): a status of the provider, or one of our own words.
 * `status` = the provider answered; `aborted` = the caller left after forwarding; `broken` = the provider broke off or could not be
 * reached; `unknown` = the gateway was killed before it noted the end; `mock`, `cache`, `replay` = answered for the provider;
 * `refused.<problem code>` = we refused a known subscription.
 */
export type Outcome = `${number}` | 'aborted' | 'broken' | 'unknown' | 'mock' | 'cache' | 'replay' | `refused.${string}`;

/** One finished call, as the journal keeps it. */
export interface CallRecord {
  readonly callId: string;
  /** Admission by the gateway's clock (rule N13), epoch ms. */
  readonly admittedAt: number;
  readonly gatewayId: string;
  readonly apiId: string;
  readonly environmentId: string;
  /** `GET /countries/{code}` */
  readonly operation: string;
  readonly appId: string;
  readonly credentialId: string;
  /** Null for direct authorizations and open APIs: counted, never billed. */
  readonly subscriptionId: string | null;
  /** `<period>.<change>`; empty without a subscription. */
  readonly window: string;
  readonly planVersionId: string;
  readonly outcome: Outcome;
  readonly method: string;
  /** Path as called, without the query, cut to 256 characters. */
  readonly path: string;
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly upstreamMs: number;
  readonly totalMs: number;
  /** Units by meter if the call is billable: `requests` = weight. */
  readonly units: Readonly<Record<string, number>>;
  /** Receipt number in its stream; 0 without a receipt. */
  readonly receipt: number;
}
