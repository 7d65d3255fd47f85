import { exactText } from '../fraction.ts';
import { price, type Price, type RatedLine } from '../pricing.ts';
import { currencyReader, toJsonInt, type Fields, type Reader } from '../values.ts';
import type { Currency } from '../money.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Answers one case of a kind from its raw `plan` and `usage`. @throws ValueFault naming the value at fault */
export type Answer = (plan: unknown, usage: unknown) => Json;

/** How a kind reads its usage, in the light of the plan, and how it answers. */
export interface Kind<P, U> {
  readonly usage: (plan: P) => Reader<U>;
  readonly answer: (plan: P, usage: U) => Json;
}

/** One kind of question. The plan stands apart, so that its type is known where usage and answer are written. */
export const kind =
  <P>(plan: Reader<P>) =>
  <U>({ usage, answer }: Kind<P, U>): Answer =>
  (rawPlan, rawUsage) => {
    const terms = plan(rawPlan, 'plan');
    return answer(terms, usage(terms)(rawUsage, 'usage'));
  };

export interface PricedPlan {
  readonly currency: Currency;
  readonly price: Price;
}

/** Takes the two fields nearly every kind begins with. The currency comes first: amounts are checked against its step. */
export function takePriced(fields: Fields): PricedPlan {
  const currency = fields.take('currency', currencyReader);
  return { currency, price: fields.take('price', price(currency)) };
}

export const ratedJson = ({ quantity, exact, amountMinor }: RatedLine): { quantity: Json; exact: Json; amount: Json } => ({
  quantity: toJsonInt(quantity),
  exact: exactText(exact),
  amount: toJsonInt(amountMinor),
});
