import { hash } from 'node:crypto';

/**
 * A receipt is `<stream>.<n>.<commitment>`: a stream is one subscription on one boot of one gateway node, n has no gap in it, and the
 * commitment binds what was promised at admission, so that neither side can change it afterwards.
 */
export interface Commitment {
  readonly callId: string;
  /** Admission, epoch ms. */
  readonly admittedAt: number;
  readonly planVersionId: string;
  /** The most this call may cost: minor units as a decimal string, and the currency. */
  readonly highestPrice: string;
}

const COMMITMENT_DIGITS = 32;

export const streamOf = (subscriptionId: string, node: string, boot: number): string => `${subscriptionId}-${node}-${boot}`;

/** Hex, the first 128 bits of SHA-256: a caller keeps it in a header. */
export const commitmentOf = ({ callId, admittedAt, planVersionId, highestPrice }: Commitment): string =>
  hash('sha256', `${callId}\n${admittedAt}\n${planVersionId}\n${highestPrice}`, 'hex').slice(0, COMMITMENT_DIGITS);

export const receiptOf = (stream: string, n: number, commitment: string): string => `${stream}.${n}.${commitment}`;
