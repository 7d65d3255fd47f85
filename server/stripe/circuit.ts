import { admitTo, answered, closedCircuit, type Circuit } from '../domain/circuit.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { isUnwell } from './failures.ts';
import type { Payments } from './port.ts';

export interface CircuitBreaker {
  /** As it stands. */
  present(): Circuit;
  /** How often it opened since the start of the process. */
  openings(): number;
  /** @returns what ends it, told by the answer; @throws payments-paused while it is open */
  enter(): (answer: 'fault' | 'none' | 'well') => void;
}

export interface CircuitOptions {
  readonly clock: Pick<Clock, 'real'>;
  /** [0, 1), anew at each call. */
  readonly jitter: () => number;
  /** It opened, or closed again; not each probe. */
  readonly onChange?: (circuit: Circuit) => void;
}

/** One for each process: a fault of one machine's network is not everybody's. */
export function makeCircuit({ clock, jitter, onChange = () => undefined }: CircuitOptions): CircuitBreaker {
  let circuit = closedCircuit(clock.real());
  let openings = 0;
  function become(next: Circuit): void {
    const [before, isOpen] = [circuit.state !== 'closed', next.state !== 'closed'];
    circuit = next;
    if (!before && isOpen) openings += 1;
    if (before !== isOpen) onChange(next);
  }
  return {
    present: () => circuit,
    openings: () => openings,
    enter() {
      const admission = admitTo(circuit, clock.real());
      if (!admission.admitted) throw paused(admission.waitMs);
      become(admission.circuit);
      return (answer) => become(answered(circuit, { isProbe: admission.isProbe, answer, now: clock.real(), jitter: jitter() }));
    },
  };
}

const paused = (waitMs: number): AppError =>
  new AppError('payments-paused', 'Payments are unavailable for a moment. Nothing was charged.', { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) });

/**
 * The port behind a circuit: nothing is sent while it is open, so a request that is refused here changed and charged nothing. A declined card, an
 * object that is not there, a conflict: all these are answers of a service that is well.
 */
export function behindCircuit(payments: Payments, circuit: CircuitBreaker): Payments {
  const answerOf = (error: unknown) => (isUnwell(error) ? 'fault' : error instanceof AppError ? 'well' : 'none');
  const guarded =
    <A extends unknown[], R>(verb: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const leave = circuit.enter();
      try {
        const answer = await verb(...args);
        leave('well');
        return answer;
      } catch (error) {
        leave(answerOf(error));
        throw error;
      }
    };
  return {
    testMode: payments.testMode,
    addInvoiceItem: guarded(payments.addInvoiceItem),
    createInvoice: guarded(payments.createInvoice),
    createSetupCheckout: guarded(payments.createSetupCheckout),
    detachPaymentMethod: guarded(payments.detachPaymentMethod),
    discardDraft: guarded(payments.discardDraft),
    ensureCustomer: guarded(payments.ensureCustomer),
    expireCheckout: guarded(payments.expireCheckout),
    finalizeInvoice: guarded(payments.finalizeInvoice),
    findInvoiceByMetadata: guarded(payments.findInvoiceByMetadata),
    markUncollectible: guarded(payments.markUncollectible),
    payInvoice: guarded(payments.payInvoice),
    readBalance: guarded(payments.readBalance),
    readCheckout: guarded(payments.readCheckout),
    readInvoice: guarded(payments.readInvoice),
    readPaymentMethod: guarded(payments.readPaymentMethod),
    readProcessingFee: guarded(payments.readProcessingFee),
    setDefaultPaymentMethod: guarded(payments.setDefaultPaymentMethod),
    voidInvoice: guarded(payments.voidInvoice),
    async *listEvents(query) {
      const leave = circuit.enter();
      let answer: 'fault' | 'none' | 'well' = 'none';
      try {
        yield* payments.listEvents(query);
        answer = 'well';
      } catch (error) {
        answer = answerOf(error);
        throw error;
      } finally {
        leave(answer);
      }
    },
    // Readiness asks for itself, and is told the truth whatever the circuit thinks.
    reachable: () => payments.reachable(),
  };
}
