/** Calls of one subscription that ended alike in one window, as the usage batches hold them. */
export interface UsageGroup {
  /** `<period>.<change>` */
  readonly window: string;
  /** A status of the provider, or one of our own words. */
  readonly outcome: string;
  /** Units by meter, weights included, whether billable or not. */
  readonly units: Readonly<Record<string, bigint>>;
}

/** What closing a period asks of metering. */
export interface UsageReader {
  /** Everything admitted before this instant is stored, epoch ms: the least over the gateways that are not retired. */
  watermark(): Promise<number>;
  /** All that is stored of these windows, counted anew from the batches. */
  usageOf(subscriptionId: string, windows: readonly string[]): Promise<readonly UsageGroup[]>;
  /** Units of these windows that are billable by the plan version of each, by window and meter, from the totals: for what is shown, never for a bill. */
  billableSoFar(subscriptionId: string, windows: readonly string[]): Promise<ReadonlyMap<string, Readonly<Record<string, bigint>>>>;
}
