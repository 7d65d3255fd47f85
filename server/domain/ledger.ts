import { fraction, roundToStep } from './fraction.ts';
import type { Currency } from './money.ts';

type Step = Pick<Currency, 'stepMinor'>;
const BASIS = 10_000n;

export const roundedShare = (amountMinor: bigint, numerator: bigint, denominator: bigint, { stepMinor }: Step): bigint =>
  denominator === 0n ? 0n : roundToStep(fraction(amountMinor * numerator, denominator), stepMinor);

/** What the platform keeps of a line's net, and what the provider gets (rule N17). */
export interface Split {
  readonly feeMinor: bigint;
  readonly providerMinor: bigint;
}

export function splitNet(netMinor: bigint, feeBps: bigint, step: Step): Split {
  const feeMinor = roundedShare(netMinor, feeBps, BASIS, step);
  return { feeMinor, providerMinor: netMinor - feeMinor };
}

/** Of the fee, what has come back once `refundedMinor` in all were refunded: cumulative, so that nothing is lost or made (rule N17). */
export const feeReversed = (feeMinor: bigint, refundedMinor: bigint, netMinor: bigint, step: Step): bigint =>
  roundedShare(feeMinor, refundedMinor, netMinor, step);

/** The net part of a refund on a taxed line; the rest of the refund is tax (rule N17). */
export const netOfRefund = (netMinor: bigint, refundMinor: bigint, grossMinor: bigint, step: Step): bigint =>
  roundedShare(netMinor, refundMinor, grossMinor, step);

/** What the card processor keeps: a share of the gross and a fixed part; nothing of nothing. */
export const processingFee = (grossMinor: bigint, bps: bigint, fixedMinor: bigint, step: Step): bigint =>
  grossMinor === 0n ? 0n : roundedShare(grossMinor, bps, BASIS, step) + fixedMinor;

/** Debit positive. A transaction's entries sum to zero (invariant I9). */
export const WALK_ACCOUNTS = ['receivable', 'provider_payable', 'platform_revenue', 'tax_payable', 'stripe_clearing', 'processing_fees'] as const;
export type WalkAccount = (typeof WALK_ACCOUNTS)[number];
export type Entries = Readonly<Partial<Record<WalkAccount, bigint>>>;

export interface LedgerStep {
  readonly step: 'invoice_finalized' | 'invoice_paid' | 'processing_fee' | 'transfer' | 'transfer_reversed' | 'refund';
  readonly entries: Entries;
}

export const finalizedEntries = (grossMinor: bigint, { feeMinor, providerMinor }: Split, taxMinor: bigint): Entries =>
  moved({ receivable: grossMinor, provider_payable: -providerMinor, platform_revenue: -feeMinor, tax_payable: -taxMinor });
export const paidEntries = (grossMinor: bigint): Entries => moved({ stripe_clearing: grossMinor, receivable: -grossMinor });
export const processingEntries = (feeMinor: bigint): Entries => moved({ processing_fees: feeMinor, stripe_clearing: -feeMinor });
export const transferEntries = (providerMinor: bigint): Entries => moved({ provider_payable: providerMinor, stripe_clearing: -providerMinor });

const moved = (entries: Entries): Entries => Object.fromEntries(Object.entries(entries).filter(([, amount]) => amount !== 0n));

export interface WalkTerms {
  readonly netMinor: bigint;
  readonly taxMinor: bigint;
  readonly feeBps: bigint;
  readonly processingMinor: bigint;
  readonly refundMinor: bigint;
}

/** The life of one line in the books, from the invoice to a refund, steps that move nothing left out. */
export function ledgerWalk({ netMinor, taxMinor, feeBps, processingMinor, refundMinor }: WalkTerms, step: Step): LedgerStep[] {
  const grossMinor = netMinor + taxMinor;
  const split = splitNet(netMinor, feeBps, step);
  const refundNet = netOfRefund(netMinor, refundMinor, grossMinor, step);
  const feeBack = feeReversed(split.feeMinor, refundNet, netMinor, step);
  const providerBack = refundNet - feeBack;
  const steps: LedgerStep[] = [
    { step: 'invoice_finalized', entries: finalizedEntries(grossMinor, split, taxMinor) },
    { step: 'invoice_paid', entries: paidEntries(grossMinor) },
    { step: 'processing_fee', entries: processingEntries(processingMinor) },
    { step: 'transfer', entries: transferEntries(split.providerMinor) },
    { step: 'transfer_reversed', entries: transferEntries(-providerBack) },
    {
      step: 'refund',
      entries: moved({ provider_payable: providerBack, platform_revenue: feeBack, tax_payable: refundMinor - refundNet, stripe_clearing: -refundMinor }),
    },
  ];
  return steps.filter(({ entries }) => Object.keys(entries).length > 0);
}

export type Balances = Readonly<Record<WalkAccount, bigint>>;
export const EMPTY_BALANCES: Balances = {
  receivable: 0n,
  provider_payable: 0n,
  platform_revenue: 0n,
  tax_payable: 0n,
  stripe_clearing: 0n,
  processing_fees: 0n,
};

export function book(balances: Balances, entries: Entries): Balances {
  const next = { ...balances };
  for (const account of WALK_ACCOUNTS) next[account] += entries[account] ?? 0n;
  return next;
}
