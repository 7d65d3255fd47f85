import { expect } from 'chai';
import { makeGathering, THICK } from '../../../server/gateway/journal-group.ts';

describe('gathering of a group', () => {
  /** One group: what each turn of the event loop brings, and how many turns the group gathered. */
  async function gathered(gather: (size: () => number) => Promise<void>, turns: readonly number[], onTurn: () => void = () => undefined) {
    let [size, turn, over] = [turns[0] ?? 0, 0, false];
    const step = () => {
      if (over) return;
      turn += 1;
      size += turns[turn] ?? 0;
      onTurn();
      setImmediate(step);
    };
    setImmediate(step);
    await gather(() => size);
    over = true;
    return { size, turn };
  }
  const still = { monotonic: () => 0 };

  it('takes what one turn brings when calls come one by one', async () => {
    const gather = makeGathering(still);
    for (let i = 0; i < 3; i += 1) expect(await gathered(gather, [1, 0, 5, 5])).to.deep.equal({ size: 1, turn: 1 });
  });

  it('gathers on while calls come thick, until two turns bring nothing', async () => {
    const gather = makeGathering(still);
    expect(await gathered(gather, [THICK, 0, 9])).to.include({ turn: 1 });
    expect(await gathered(gather, [1, 9, 0, 9, 0, 0, 9])).to.deep.equal({ size: 19, turn: 5 });
    expect(await gathered(gather, [1, 0, 0, 0]), 'after a thick one').to.deep.equal({ size: 1, turn: 3 });
    expect(await gathered(gather, [1, 0, 9]), 'after a thin one').to.deep.equal({ size: 1, turn: 1 });
  });

  it('ends after two milliseconds, whatever else comes', async () => {
    let now = 0;
    const gather = makeGathering({ monotonic: () => now });
    const thick = Array.from({ length: 100 }, () => 3);
    await gathered(gather, [THICK]);
    expect((await gathered(gather, thick, () => (now += 0.5))).turn).to.be.within(4, 6);
  });
});
