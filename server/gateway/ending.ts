import { createHash } from 'node:crypto';
import { PROBLEMS } from '../kernel/problems.ts';
import type { Clock } from '../kernel/clock.ts';
import type { CallRecord, Outcome } from '../domain/metering.ts';
import type { BodyBuffers } from './body.ts';
import type { Call } from './call.ts';
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
  /** Take the receipt of an answer that is about to be written: `Usage-Receipt`, or nothing for calls without a subscription. */
  receipt(call: Call): string;
}

export interface EndingDependencies {
  readonly limits: Limits;
  readonly meter: Meter;
  readonly clock: Clock;
  readonly buffers: BodyBuffers;
  /** Names this boot in receipt streams: `<node>-<boot>`. */
  readonly bootName: string;
  readonly onEnd: (call: Call) => void;
}

export function makeEnding({ limits, meter, clock, buffers, bootName, onEnd }: EndingDependencies): Ending {
  const recordOf = (call: Call, outcome: Outcome, status: number): CallRecord => {
    const api = call.served?.api;
    return {
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
    };
  };

  return {
    finish(call, outcome, status) {
      if (call.finished) return null;
      call.finished = true;
      onEnd(call);
      buffers.release(call);
      const { held } = call;
      // Forwarded or answered for the provider, or refused to a subscription that is known: these have a record.
      call.recorded = call.served !== null && (call.forwarded || !outcome.startsWith('refused.') || call.grant?.subscriptionId != null);
      const written = call.recorded ? meter.record(recordOf(call, outcome, status)) : null;
      if (held) limits.settle(held, outcome);
      return written;
    },
    ended(call) {
      if (call.recorded) meter.ended(call.id);
    },
    receipt(call) {
      if (call.terms === null || call.grant?.subscriptionId == null) return '';
      call.receipt = meter.nextReceipt(call.grant.subscriptionId);
      return `${call.grant.subscriptionId.slice(4)}-${bootName}.${call.receipt}.${commitmentOf(call)}`;
    },
  };
}

/** What the buyer can hold us to: call, time, plan version, and the highest price the call may have. */
const commitmentOf = (call: Call): string =>
  createHash('sha256').update(`${call.id}\n${call.admittedAt}\n${call.terms?.version.id ?? ''}\n${call.terms?.plan.currency.code ?? ''}`).digest('base64url').slice(0, 22);

/** The outcome of a refusal, and of a failure of the provider, by the problem it is answered with. */
export const outcomeOf = (code: keyof typeof PROBLEMS): Outcome =>
  code === 'upstream-timeout' || code === 'upstream-unavailable' ? 'broken' : `refused.${code}`;
