import { expect } from 'chai';
import {
  API_MOVES,
  INVOICE_MOVES,
  LIVE_SUBSCRIPTION_STATUSES,
  PERIOD_MOVES,
  PRODUCT_MOVES,
  SUBSCRIPTION_MOVES,
  canMove,
  isTerminal,
  type SubscriptionStatus,
} from '../../../server/domain/lifecycles.ts';

describe('lifecycles', () => {
  it('I14: the states where something ended have no way out', () => {
    expect(['canceled', 'expired'].every((status) => isTerminal('subscription', status as SubscriptionStatus))).to.equal(true);
    expect([isTerminal('invoice', 'paid'), isTerminal('invoice', 'void'), isTerminal('period', 'invoiced'), isTerminal('product', 'retired')]).to.deep.equal([
      true,
      true,
      true,
      true,
    ]);
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

  it('a subscription is live exactly until it has ended', () => {
    const ended = (Object.keys(SUBSCRIPTION_MOVES) as SubscriptionStatus[]).filter((status) => !LIVE_SUBSCRIPTION_STATUSES.includes(status));
    expect(ended).to.deep.equal(['canceled', 'expired']);
  });
});
