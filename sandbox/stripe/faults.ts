export type FaultType = 'api_error' | 'card_error' | 'idempotency_error' | 'invalid_request_error';

export interface FaultDetails {
  code?: string;
  param?: string;
  declineCode?: string;
  adviceCode?: string;
  charge?: string;
  /** Objects that ride along, such as `payment_intent`. */
  objects?: Record<string, Record<string, unknown>>;
  /** What was written before the refusal stays: a decline is an outcome, not an abandoned request. */
  keep?: boolean;
  /** Refused before execution began: such an answer is not remembered under the idempotency key. */
  early?: boolean;
}

/** A refusal in Stripe's own envelope. */
export class StripeFault extends Error {
  readonly status: number;
  readonly type: FaultType;
  readonly details: FaultDetails;

  constructor(status: number, type: FaultType, message: string, details: FaultDetails = {}) {
    super(message);
    this.status = status;
    this.type = type;
    this.details = details;
  }

  body(requestId: string): { error: Record<string, unknown> } {
    const { code, param, declineCode, adviceCode, charge, objects } = this.details;
    return {
      error: {
        ...(code !== undefined && { code, doc_url: `https://docs.stripe.com/error-codes/${code.replaceAll('_', '-')}` }),
        ...(declineCode !== undefined && { decline_code: declineCode }),
        ...(adviceCode !== undefined && { advice_code: adviceCode }),
        ...(charge !== undefined && { charge }),
        message: this.message,
        ...(param !== undefined && { param }),
        ...objects,
        request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}`,
        type: this.type,
      },
    };
  }
}

export const invalid = (message: string, details: FaultDetails = {}): StripeFault => new StripeFault(400, 'invalid_request_error', message, details);

/** 404 for the object the address names, 400 for one that a parameter names. */
export const missing = (what: string, id: string, param: string, inPath = false): StripeFault =>
  new StripeFault(inPath ? 404 : 400, 'invalid_request_error', `No such ${what}: '${id}'`, { code: 'resource_missing', param });
