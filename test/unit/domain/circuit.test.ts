import { expect } from 'chai';
import fc from 'fast-check';
import { admitTo, answered, closedCircuit, type Circuit } from '../../../server/domain/circuit.ts';

const answer = (circuit: Circuit, what: 'fault' | 'none' | 'well', now: number, isProbe = false, jitter = 0) =>
  answered(circuit, { isProbe, answer: what, now, jitter });
const faults = (count: number, circuit = closedCircuit(0), now = 1_000): Circuit =>
  Array.from({ length: count }).reduce<Circuit>((state) => answer(state, 'fault', now), circuit);
const opened = faults(4);

describe('the circuit around a dependency', () => {
  it('opens after four faults among the last ten answers, and not by faults of long ago', () => {
    expect(faults(3).state).to.equal('closed');
    expect(opened).to.include({ state: 'open', since: 1_000, openings: 1 });
    const mixed = answer(answer(faults(3), 'well', 1_500), 'fault', 2_000);
    expect(mixed.state, 'an answer between them does not hide them').to.equal('open');
    expect(answer(faults(3), 'fault', 1_000 + 120_000).state).to.equal('closed');
    expect(faults(40, closedCircuit(0)).answers.length).to.be.at.most(10);
  });

  it('learns nothing from what was never sent, nor from what was asked before it opened', () => {
    expect(answer(faults(3), 'none', 1_000).state).to.equal('closed');
    expect(answer(opened, 'well', 2_000)).to.equal(opened);
    expect(answer(opened, 'fault', 2_000)).to.equal(opened);
  });

  it('lets nobody through before its wait is over, then one, and closes when that one is answered', () => {
    const early = admitTo(opened, opened.retryAt - 1);
    expect(early).to.deep.equal({ admitted: false, waitMs: 1 });
    const first = admitTo(opened, opened.retryAt);
    if (!first.admitted) throw new Error('no probe');
    expect(first).to.include({ isProbe: true });
    expect(admitTo(first.circuit, opened.retryAt).admitted, 'a second one at the same time').to.equal(false);
    const closed = answer(first.circuit, 'well', opened.retryAt + 10, true);
    expect(closed).to.deep.equal(closedCircuit(opened.retryAt + 10));
    const again = answer(first.circuit, 'fault', opened.retryAt + 10, true);
    expect(again).to.include({ state: 'open', since: 1_000, openings: 2 });
    const free = answer(first.circuit, 'none', opened.retryAt + 10, true);
    expect(admitTo(free, opened.retryAt + 10)).to.include({ admitted: true, isProbe: true });
  });

  it('gives a probe up that is never answered', () => {
    const probe = admitTo(opened, opened.retryAt);
    if (!probe.admitted) throw new Error('no probe');
    expect(admitTo(probe.circuit, probe.circuit.retryAt - 1).admitted).to.equal(false);
    expect(admitTo(probe.circuit, probe.circuit.retryAt)).to.include({ admitted: true, isProbe: true });
  });

  it('waits longer each time, at least half and at most all of a wait that has a bound', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (times, jitter) => {
        let circuit = opened;
        for (let n = 1; n < times; n += 1) {
          const probe = admitTo(circuit, circuit.retryAt);
          if (!probe.admitted) throw new Error('no probe');
          circuit = answer(probe.circuit, 'fault', circuit.retryAt, true, jitter);
          const full = Math.min(5_000 * 2 ** n, 60_000);
          expect(circuit.retryAt - (probe.circuit.retryAt - 120_000)).to.be.within(full / 2, full);
        }
      }),
    );
  });
});
