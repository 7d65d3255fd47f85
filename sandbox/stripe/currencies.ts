import { invalid } from './faults.ts';

// Written from Stripe's published tables, on purpose not shared with the product: a stand-in that agrees by construction checks nothing.
const ZERO_DECIMAL = 'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' ');
const TENS = 'bhd jod kwd omr tnd'.split(' ');
const HUNDREDS = ['isk'];
const TWO_DECIMAL = 'aed aud brl cad chf cny czk dkk eur gbp hkd huf idr ils inr mxn myr nok nzd php pln ron sar sek sgd thb try twd usd zar'.split(' ');

const MINIMUMS: Readonly<Record<string, number>> = {
  gbp: 30,
  aud: 50,
  brl: 50,
  cad: 50,
  chf: 50,
  eur: 50,
  inr: 50,
  jpy: 50,
  nzd: 50,
  sgd: 50,
  usd: 50,
  aed: 200,
  myr: 200,
  pln: 200,
  ron: 200,
  dkk: 250,
  nok: 300,
  sek: 300,
  hkd: 400,
  mxn: 1000,
  thb: 1000,
  czk: 1500,
  huf: 17_500,
};

/** Less than this is never charged, in minor units. */
export const minimumCharge = (currency: string): number => MINIMUMS[currency] ?? 0;

/** Every amount in the currency is a multiple of it. */
export const stepOf = (currency: string): number => (TENS.includes(currency) ? 10 : HUNDREDS.includes(currency) ? 100 : 1);

/** @throws StripeFault for a currency Stripe does not have, or an amount that is no multiple of its step */
export function checkCurrency(currency: string, amount = 0): void {
  if (currency !== currency.toLowerCase() || ![...ZERO_DECIMAL, ...TENS, ...HUNDREDS, ...TWO_DECIMAL].includes(currency)) {
    throw invalid(`Invalid currency: ${currency}.`, { param: 'currency' });
  }
  const step = stepOf(currency);
  if (amount % step !== 0)
    throw invalid(`Invalid amount: amounts in ${currency} must be a multiple of ${step}.`, { code: 'parameter_invalid_integer', param: 'amount' });
}
