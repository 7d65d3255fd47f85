import { hostname } from 'node:os';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { CircuitBoard } from './cache/circuits.ts';
import type { Clock } from './kernel/clock.ts';
import type { Ids } from './kernel/ids.ts';
import type { Log } from './kernel/log.ts';
import type { Lifecycle } from './lifecycle.ts';
import { makeCircuit, type CircuitBreaker } from './stripe/circuit.ts';

const REPORT_MS = 5_000;

export interface PaymentsCircuitDependencies {
  readonly board: CircuitBoard;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly lifecycle: Lifecycle;
  readonly log: Log;
  readonly role: string;
}

/** The circuit of this process around Stripe: its changes are logged, and the operators' pages hear of it while it is open. */
export function makePaymentsCircuit({ board, clock, ids, lifecycle, log, role }: PaymentsCircuitDependencies): CircuitBreaker {
  const name = `${role}-${hostname()}-${process.pid}`;
  const report = () => void board.report(name, circuit.present()).catch(() => undefined);
  const circuit = makeCircuit({
    clock,
    jitter: () => ids.bytes(2).readUInt16BE() / 65_536,
    onChange({ state, retryAt }) {
      if (state === 'closed') log.info('Stripe answers as it should: it is asked again');
      else log.error({ alarm: 'payments-paused', retryAt }, 'Stripe is not well: it is asked nothing but now and then whether it is');
      report();
    },
  });
  const timer = setInterval(() => circuit.present().state !== 'closed' && report(), REPORT_MS).unref();
  lifecycle.add({
    name: 'payments circuit',
    async stop() {
      clearInterval(timer);
      if (circuit.present().state !== 'closed') await board.report(name, { ...circuit.present(), state: 'closed' }).catch(() => undefined);
    },
  });
  return circuit;
}

/** What `/metrics` says of it. */
export function observeCircuit(registry: Registry, circuit: CircuitBreaker): void {
  new Gauge({
    name: 'tollgate_payments_circuit',
    help: 'Whether Stripe is asked: 0 it is, 1 it is not, 2 one request finds out',
    registers: [registry],
    collect() {
      this.set({ closed: 0, open: 1, probing: 2 }[circuit.present().state]);
    },
  });
  new Counter({
    name: 'tollgate_payments_circuit_openings_total',
    help: 'How often the circuit around Stripe opened since the start of the process',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(circuit.openings());
    },
  });
}
