import type { AppError } from '../kernel/errors.ts';
import type { PROBLEMS } from '../kernel/problems.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CallRecord, Outcome } from '../domain/metering.ts';
import { commitmentOf, receiptOf, streamOf } from '../domain/receipts.ts';
import type { BodyBuffers } from './body.ts';
import type { Call } from './call.ts';
import { notesOf } from './notes.ts';
import type { Limits, Meter } from './ports.ts';

const PATH_RECORDED_MAX = 256;
const NO_UNITS: Readonly<Record<string, number>> = Object.freeze({});

/** How calls end: the record is written once, then what was held is settled. */
export interface Ending {
  /**
   * Record the outcome. The promise resolves when the answer's last bytes may leave; null when nothing is recorded, so they may leave now.
   * @throws never: a record that cannot be written rejects the promise, and the answer must be cut off
   */
  finish(call: Call, outcome: Outcome, status: number): Promise<void> | null;
  /** The last bytes left for the caller. */
  ended(call: Call): void;
  /** Take the next receipt of the subscription, for an answer that is about to be written. @param highestPrice  minor units and currency */
  receipt(call: Call, subscriptionId: string, highestPrice: string): string;
}

/** What every way back needs. */
export interface DeliveryContext {
  readonly ending: Ending;
  readonly clock: Clock;
  readonly totalMs: number;
  /** Answer with a refusal; nothing of the provider's answer has left. */
  readonly refuse: (call: Call, error: AppError) => void;
}

export interface EndingDependencies {
  readonly limits: Limits;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly buffers: BodyBuffers;
  readonly node: string;
  readonly boot: number;
  readonly onEnd: (call: Call) => void;
}

export function makeEnding({ limits, meter, clock, buffers, node, boot, onEnd }: EndingDependencies): Ending {
  const recordOf = (call: Call, outcome: Outcome, status: number): CallRecord => {
    const api = call.served?.api;
    const record: CallRecord = {
      callId: call.id,
      admittedAt: call.admittedAt,
      gatewayId: api?.gatewayId ?? '',
      apiId: api?.id ?? '',
      environmentId: api?.environmentId ?? '',
      operation: call.served?.operation ?? '',
      appId: call.credential?.row.appId ?? '',
      credentialId: call.credential?.row.id ?? '',
      subscriptionId: call.grant?.subscriptionId ?? null,
      window: call.terms?.window.key ?? '',
      planVersionId: call.terms?.version.id ?? '',
      outcome,
      method: call.method,
      path: call.path.length > PATH_RECORDED_MAX ? call.path.slice(0, PATH_RECORDED_MAX) : call.path,
      status,
      bytesIn: call.body?.bytes ?? 0,
      bytesOut: call.bytesOut,
      upstreamMs: call.upstreamMs,
      totalMs: Math.round(clock.monotonic() - call.startedAt),
      units: call.held?.units ?? NO_UNITS,
      receipt: call.receipt,
      via: call.via,
    };
    const fields = call.served?.logFields ?? null;
    const notes = fields === null && call.cause === '' ? null : notesOf(call, fields);
    return notes === null ? record : { ...record, notes };
  };

  return {
    finish(call, outcome, status) {
      if (call.finished) return null;
      call.finished = true;
      onEnd(call);
      buffers.release(call);
      const { held } = call;
      // Forwarded or answered for the provider, or refused to a subscription that is known: these have a record.
      const counts = call.served !== null && (call.forwarded || !outcome.startsWith('refused.') || (call.grant?.subscriptionId ?? null) !== null);
      call.recorded = counts ? meter.record(recordOf(call, outcome, status)) : null;
      if (held) limits.settle(held, outcome);
      return call.recorded?.kept ?? null;
    },
    ended(call) {
      if (call.recorded !== null) meter.ended(call.recorded);
    },
    receipt(call, subscriptionId, highestPrice) {
      call.receipt = meter.nextReceipt(subscriptionId);
      const promised = { callId: call.id, admittedAt: call.admittedAt, planVersionId: call.terms?.version.id ?? '', highestPrice };
      return receiptOf(streamOf(subscriptionId, node, boot), call.receipt, commitmentOf(promised));
    },
  };
}

/** The outcome of a refusal, and of a failure of the provider, by the problem it is answered with. */
export const outcomeOf = (code: keyof typeof PROBLEMS): Outcome =>
  code === 'upstream-timeout' || code === 'upstream-unavailable' ? 'broken' : `refused.${code}`;
