import { expect } from 'chai';
import Stripe from 'stripe';
import { AppError } from '../../../server/kernel/errors.ts';
import { mapStripeError } from '../../../server/stripe/failures.ts';

describe('a card that Stripe refuses', () => {
  it('is payment-declined, in the words the buyer may read, with the cause kept for the log', () => {
    const refusal = new Stripe.errors.StripeCardError({ type: 'card_error', message: 'Your card has insufficient funds.', code: 'card_declined' } as never);
    const mapped = mapStripeError(refusal);
    expect(mapped).to.be.instanceOf(AppError);
    expect(mapped).to.deep.include({ code: 'payment-declined', detail: 'Your card has insufficient funds.', cause: refusal });
    expect((mapped as AppError).status).to.equal(402);
  });
});
