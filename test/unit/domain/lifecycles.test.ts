import { expect } from 'chai';
import { API_MOVES, INVOICE_MOVES, PERIOD_MOVES, PRODUCT_MOVES, SUBSCRIPTION_MOVES, canMove } from '../../../server/domain/lifecycles.ts';

describe('lifecycles', () => {
  it('I14: the states where something ended have no way out', () => {
    expect([
      SUBSCRIPTION_MOVES.canceled,
      SUBSCRIPTION_MOVES.expired,
      INVOICE_MOVES.paid,
      INVOICE_MOVES.void,
      PERIOD_MOVES.invoiced,
      PRODUCT_MOVES.retired,
    ]).to.deep.equal([[], [], [], [], [], []]);
  });

  it('a period goes one way, step by step', () => {
    expect(canMove('period', 'open', 'closing') && canMove('period', 'closing', 'frozen') && canMove('period', 'frozen', 'invoiced')).to.equal(true);
    expect(canMove('period', 'open', 'frozen') || canMove('period', 'frozen', 'open') || canMove('period', 'invoiced', 'closing')).to.equal(false);
  });

  it('paid is reached late as well, and never left', () => {
    expect(canMove('invoice', 'uncollectible', 'paid')).to.equal(true);
    expect(canMove('invoice', 'paid', 'open')).to.equal(false);
  });

  it('standing still is no move, and no table names a status it does not hold', () => {
    for (const [kind, moves] of Object.entries({
      subscription: SUBSCRIPTION_MOVES,
      period: PERIOD_MOVES,
      invoice: INVOICE_MOVES,
      api: API_MOVES,
      product: PRODUCT_MOVES,
    })) {
      for (const [from, list] of Object.entries(moves) as [string, string[]][]) {
        expect(list, `${kind} ${from}`).not.to.include(from);
        expect(Object.keys(moves)).to.include.members(list);
      }
    }
  });
});
