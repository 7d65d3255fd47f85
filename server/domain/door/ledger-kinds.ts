import { EMPTY_BALANCES, book, feeReversed, ledgerWalk, processingFee, splitNet, WALK_ACCOUNTS, type Entries } from '../ledger.ts';
import { taxOf } from '../invoice-math.ts';
import { basisPoints, currencyReader, list, money, object, percent, refuse, toJsonInt } from '../values.ts';
import { kind, type Answer, type Json } from './kind.ts';

const split = kind(object((fields) => ({ currency: fields.take('currency', currencyReader), feeBps: fields.take('platform_fee_bps', basisPoints) })))({
  usage: ({ currency }) =>
    object((fields) => {
      const net = fields.take('line_net', money(currency));
      const refunds = fields.take('refunds', list(money(currency)));
      let refunded = 0n;
      refunds.forEach((refund, index) => {
        refunded += refund;
        if (refunded > net) refuse(`${fields.path}.refunds[${index}]`, 'takes the refunds above the line');
      });
      return { net, refunds };
    }),
  answer({ currency, feeBps }, { net, refunds }) {
    const { feeMinor, providerMinor } = splitNet(net, feeBps, currency);
    let refunded = 0n;
    const reversals = refunds.map((refund) => {
      const before = feeReversed(feeMinor, refunded, net, currency);
      refunded += refund;
      const fee = feeReversed(feeMinor, refunded, net, currency) - before;
      return { refund: toJsonInt(refund), fee_reversed: toJsonInt(fee), provider_reversed: toJsonInt(refund - fee) };
    });
    return { fee: toJsonInt(feeMinor), provider: toJsonInt(providerMinor), refunds: reversals };
  },
});

const amounts = (entries: Entries): Json =>
  Object.fromEntries(WALK_ACCOUNTS.flatMap((account) => (entries[account] === undefined ? [] : [[account, toJsonInt(entries[account])]])));

const ledger = kind(
  object((fields) => {
    const currency = fields.take('currency', currencyReader);
    return {
      currency,
      feeBps: fields.take('platform_fee_bps', basisPoints),
      taxPercent: fields.take('tax_rate', percent),
      processing: fields.take(
        'processing',
        object((processing) => ({ bps: processing.take('bps', basisPoints), fixed: processing.take('fixed', money(currency)) })),
      ),
    };
  }),
)({
  usage: ({ currency, taxPercent }) =>
    object((fields) => {
      const net = fields.take('line_net', money(currency));
      const tax = taxOf(net, { percentScaled: taxPercent, inclusive: false }, currency);
      const refund = fields.take('refund', money(currency));
      return refund > net + tax ? refuse(`${fields.path}.refund`, 'must not be above the gross') : { net, tax, refund };
    }),
  answer({ currency, feeBps, processing }, { net, tax, refund }) {
    const gross = net + tax;
    const processingMinor = processingFee(gross, processing.bps, processing.fixed, currency);
    let balances = EMPTY_BALANCES;
    const steps = ledgerWalk({ netMinor: net, taxMinor: tax, feeBps, processingMinor, refundMinor: refund }, currency).map(({ step, entries }) => {
      balances = book(balances, entries);
      return { step, entries: amounts(entries), balances: amounts(balances) };
    });
    return { gross: toJsonInt(gross), steps, final: amounts(balances) };
  },
});

/** The kinds that divide money between platform, provider and tax, and book it. */
export const LEDGER_KINDS: readonly (readonly [string, Answer])[] = [
  ['ledger', ledger],
  ['split', split],
];
