/** What a test card does. Numbers and codes are those of Stripe's testing page; nothing else is accepted. */
export interface TestCard {
  number: string;
  brand: string;
  funding: 'credit' | 'debit';
  /** Said on Checkout's page. */
  label: string;
  decline?: Decline;
  /** `setup`: refused already when it is saved; `charge`: saved, and refused when money is asked for. */
  declines?: 'setup' | 'charge';
  /** `until-saved`: 3-D Secure once, while it is saved; `always`: at every payment. */
  threeDSecure?: 'until-saved' | 'always';
}

export interface Decline {
  code: string;
  declineCode: string;
  adviceCode: 'confirm_card_data' | 'do_not_try_again' | 'try_again_later';
  message: string;
}

const decline = (declineCode: string, message: string, adviceCode: Decline['adviceCode'], code = 'card_declined'): Decline => ({
  code,
  declineCode,
  adviceCode,
  message,
});

const GENERIC = decline('generic_decline', 'Your card was declined.', 'try_again_later');
const FUNDS = decline('insufficient_funds', 'Your card has insufficient funds.', 'try_again_later');
const LOST = decline('lost_card', 'Your card was declined.', 'do_not_try_again');
const STOLEN = decline('stolen_card', 'Your card was declined.', 'do_not_try_again');
const EXPIRED = decline('expired_card', 'Your card has expired.', 'confirm_card_data', 'expired_card');
const CVC = decline('incorrect_cvc', 'Your card’s security code is incorrect.', 'confirm_card_data', 'incorrect_cvc');
const PROCESSING = decline(
  'processing_error',
  'An error occurred while processing your card. Try again in a little bit.',
  'try_again_later',
  'processing_error',
);
const VELOCITY = decline(
  'card_velocity_exceeded',
  'Your card was declined for making repeated attempts too frequently or exceeding its amount limit.',
  'try_again_later',
);
export const AUTHENTICATION_FAILED = decline(
  'authentication_required',
  'We are unable to authenticate your payment method. Please choose a different payment method and try again.',
  'try_again_later',
  'payment_intent_authentication_failure',
);

/** By decline code, for `/_sim/payments`. */
export const DECLINES: Readonly<Record<string, Decline>> = Object.fromEntries(
  [GENERIC, FUNDS, LOST, STOLEN, EXPIRED, CVC, PROCESSING, VELOCITY].map((each) => [each.declineCode, each]),
);

const card = (number: string, label: string, more: Partial<TestCard> = {}): TestCard => ({ number, label, brand: 'visa', funding: 'credit', ...more });

const CARDS: readonly TestCard[] = [
  card('4242424242424242', 'Accepted'),
  card('4000000000000002', 'Declined', { decline: GENERIC, declines: 'setup' }),
  card('4000000000009995', 'Insufficient funds', { decline: FUNDS, declines: 'setup' }),
  card('4000000000000069', 'Expired card', { decline: EXPIRED, declines: 'setup' }),
  card('4000000000000341', 'Saved, but every charge is declined', { decline: GENERIC, declines: 'charge' }),
  card('4000002500003155', '3-D Secure once, while it is saved', { threeDSecure: 'until-saved' }),
  card('4000002760003184', '3-D Secure at every payment', { threeDSecure: 'always' }),
  card('4000000000009987', 'Lost card', { decline: LOST, declines: 'setup' }),
  card('4000000000009979', 'Stolen card', { decline: STOLEN, declines: 'setup' }),
  card('4000000000000127', 'Wrong security code', { decline: CVC, declines: 'setup' }),
  card('4000000000000119', 'Processing error', { decline: PROCESSING, declines: 'setup' }),
  card('4000000000006975', 'Too many attempts', { decline: VELOCITY, declines: 'setup' }),
  card('4000000000003220', '3-D Secure at every payment', { threeDSecure: 'always' }),
  card('4000000000000077', 'Accepted, available at once'),
  card('4000056655665556', 'Accepted (debit)', { funding: 'debit' }),
  card('5555555555554444', 'Accepted (Mastercard)', { brand: 'mastercard' }),
  card('5200828282828210', 'Accepted (Mastercard debit)', { brand: 'mastercard', funding: 'debit' }),
  card('378282246310005', 'Accepted (American Express)', { brand: 'amex' }),
  card('6011111111111117', 'Accepted (Discover)', { brand: 'discover' }),
  card('3056930009020004', 'Accepted (Diners Club)', { brand: 'diners' }),
  card('3566002020360505', 'Accepted (JCB)', { brand: 'jcb' }),
  card('6200000000000005', 'Accepted (UnionPay)', { brand: 'unionpay' }),
];

/** The ones offered on Checkout's page. */
export const OFFERED_CARDS: readonly TestCard[] = CARDS.slice(0, 7);

const BY_NUMBER = new Map(CARDS.map((each) => [each.number, each]));

const TOKENS: Readonly<Record<string, string>> = {
  amex: '378282246310005',
  authenticationRequired: '4000002500003155',
  authenticationRequiredOnSetup: '4000002500003155',
  bypassPending: '4000000000000077',
  chargeCustomerFail: '4000000000000341',
  chargeDeclined: '4000000000000002',
  chargeDeclinedExpiredCard: '4000000000000069',
  chargeDeclinedIncorrectCvc: '4000000000000127',
  chargeDeclinedProcessingError: '4000000000000119',
  diners: '3056930009020004',
  discover: '6011111111111117',
  jcb: '3566002020360505',
  mastercard: '5555555555554444',
  mastercard_debit: '5200828282828210',
  threeDSecure2Required: '4000000000003220',
  threeDSecureRequired: '4000002760003184',
  unionpay: '6200000000000005',
  visa: '4242424242424242',
  visa_chargeDeclined: '4000000000000002',
  visa_chargeDeclinedInsufficientFunds: '4000000000009995',
  visa_chargeDeclinedLostCard: '4000000000009987',
  visa_chargeDeclinedStolenCard: '4000000000009979',
  visa_chargeDeclinedVelocityLimitExceeded: '4000000000006975',
  visa_debit: '4000056655665556',
};

export const cardOf = (number: string): TestCard | undefined => BY_NUMBER.get(number);

/** `tok_visa`, `pm_card_visa` and their kin. */
export function cardOfToken(token: string): TestCard | undefined {
  const match = /^(?:tok_|pm_card_)(\w+)$/.exec(token);
  const number = match && Object.hasOwn(TOKENS, match[1]!) ? TOKENS[match[1]!] : undefined;
  return number === undefined ? undefined : cardOf(number);
}
