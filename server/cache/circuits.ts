import type { Circuit } from '../domain/circuit.ts';
import type { Redis } from './redis.ts';

/** A process that does not say again within this time that its circuit is open is not counted any more. */
const SILENT_MS = 15_000;

export interface OpenCircuit extends Pick<Circuit, 'retryAt' | 'since' | 'state'> {
  readonly process: string;
}

/** Which processes do not ask Stripe at the moment: for the operators' pages. A hint like everything in Redis; each process decides for itself. */
export interface CircuitBoard {
  /** Said at each change, and again while it is open. */
  report(process: string, circuit: Circuit): Promise<void>;
  /** @throws when Redis is away */
  open(): Promise<OpenCircuit[]>;
}

export function makeCircuitBoard({ redis }: { redis: Redis }): CircuitBoard {
  const members = redis.key('circuits');
  const keyOf = (process: string) => redis.key(`circuit:${process}`);
  return {
    async report(process, { state, since, retryAt }) {
      const said: OpenCircuit = { process, state, since, retryAt };
      await redis.ask<unknown>((client) =>
        state === 'closed'
          ? Promise.all([client.del(keyOf(process)), client.sRem(members, process)])
          : Promise.all([client.set(keyOf(process), JSON.stringify(said), { PX: SILENT_MS }), client.sAdd(members, process)]),
      );
    },
    async open() {
      const found: OpenCircuit[] = [];
      for (const process of await redis.ask((client) => client.sMembers(members))) {
        const said = await redis.ask((client) => client.get(keyOf(process)));
        if (said === null) await redis.ask((client) => client.sRem(members, process));
        else found.push(JSON.parse(said) as OpenCircuit);
      }
      return found.sort((a, b) => (a.process < b.process ? -1 : 1));
    },
  };
}
