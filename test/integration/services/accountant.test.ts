import { expect } from 'chai';
import type { InvoiceDoc, InvoiceLine } from '../../../server/store/invoices.ts';
import { BUYER, LATENESS_SECONDS, PROVIDER, billingWorld, buyer, type BillingWorld } from '../../support/billing-world.ts';
import { naiveRate, nearest, ratio, type NaivePrice } from '../../support/naive-money.ts';

/** What the accountant knows of a plan: the paper it was sold on, nothing of ours. */
interface Terms {
  readonly name: string;
  readonly currency: string;
  readonly base: number;
  readonly setup?: number;
  readonly price: NaivePrice;
  readonly commitment?: number;
  readonly cap?: number;
  readonly statuses?: readonly string[];
  readonly aborted?: boolean;
}

const STEP: Record<string, bigint> = { jpy: 1n, usd: 1n, kwd: 10n, isk: 100n };
const MINIMUM: Record<string, bigint> = { jpy: 50n, usd: 50n, kwd: 0n, isk: 0n };
const FEE_SHARE = 2000n;

const PLANS: readonly Terms[] = [
  { name: 'free', currency: 'usd', base: 0, price: { model: 'per_unit', unit_amount_decimal: '0' } },
  { name: 'starter', currency: 'usd', base: 1000, setup: 500, price: { model: 'per_unit', unit_amount_decimal: '0.5', included: 1000 } },
  { name: 'payg', currency: 'usd', base: 0, price: { model: 'per_unit', unit_amount_decimal: '0.2' } },
  { name: 'little', currency: 'usd', base: 0, price: { model: 'per_unit', unit_amount_decimal: '0.0117', divide_by: 3 } },
  {
    name: 'tiers',
    currency: 'jpy',
    base: 4005,
    price: {
      model: 'graduated',
      tiers: [
        { up_to: 430, unit_amount_decimal: '0' },
        { up_to: 5630, unit_amount_decimal: '0.375' },
        { up_to: null, unit_amount_decimal: '0.125' },
      ],
    },
  },
  {
    name: 'cliff',
    currency: 'kwd',
    base: 7240,
    price: {
      model: 'volume',
      tiers: [
        { up_to: 3000, unit_amount_decimal: '0.36' },
        { up_to: null, unit_amount_decimal: '0.213', flat_amount: 10 },
      ],
    },
  },
  { name: 'packages', currency: 'isk', base: 247_000, price: { model: 'package', package_size: 250, package_amount: 9500, included: 320 } },
  {
    name: 'bounded',
    currency: 'usd',
    base: 0,
    price: { model: 'per_unit', unit_amount_decimal: '1.1' },
    commitment: 3500,
    cap: 8300,
    statuses: ['2xx', '404'],
    aborted: true,
  },
  { name: 'units', currency: 'isk', base: 0, price: { model: 'per_unit', unit_amount_decimal: '1.37' } },
];

const documentOf = ({ currency, base, setup, price, commitment, cap, statuses, aborted }: Terms) => ({
  currency,
  interval: 'month',
  base_amount: base,
  ...(setup !== undefined && { setup_amount: setup }),
  meters: [{ code: 'requests', price }],
  ...(commitment !== undefined && { min_commit: commitment }),
  ...(cap !== undefined && { cap }),
  ...(statuses && { billable_statuses: statuses }),
  ...(aborted && { bill_aborted: true }),
});

/** Outcomes, as the gateway tells them, and how many calls ended so: all of the calls of a period. */
type Calls = Record<string, number>;
const OUTCOMES = ['200', '201', '404', '500', 'aborted', 'broken', 'unknown', 'mock', 'cache', 'replay', 'refused.quota-exceeded', 'refused.rate-exceeded'];

const billable = ({ statuses = ['2xx'], aborted = false }: Terms, calls: Calls): number =>
  Object.entries(calls).reduce((sum, [outcome, count]) => {
    const counts = outcome === 'aborted' ? aborted : statuses.includes(outcome) || (/^2\d\d$/.test(outcome) && statuses.includes('2xx'));
    return counts ? sum + count : sum;
  }, 0);

/** What a period's usage costs in all: the rated calls, and what commitment or cap adds (rules N3–N5, N12). */
function costOf(terms: Terms, calls: Calls): bigint {
  const rated = nearest(naiveRate(terms.price, billable(terms, calls)), STEP[terms.currency]!);
  const atLeast = BigInt(terms.commitment ?? 0);
  const atMost = terms.cap === undefined ? rated : BigInt(terms.cap);
  return rated < atLeast ? atLeast : rated > atMost ? atMost : rated;
}

/** Always the same numbers, well mixed. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

describe('the books of half a year, audited by a computation of their own', function () {
  this.timeout(300_000);
  let world: BillingWorld;
  before(async () => (world = await billingWorld()));
  after(() => world.close());

  const total = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, one) => sum + one, 0n);
  const MONTH_ENDS = ['2030-08-31', '2030-09-30', '2030-10-31', '2030-11-30', '2030-12-31', '2031-01-31', '2031-02-28'].map((day) =>
    Date.parse(`${day}T06:45:00Z`),
  );

  interface Account {
    readonly id: string;
    terms: Terms;
    /** Of each period, under which terms it ran. */
    readonly ran: Terms[];
    readonly used: Calls[];
    /** Billed for each period so far, base aside. */
    readonly billed: bigint[];
    carried: bigint;
  }
  const accounts: Account[] = [];
  const paidIn: Record<string, bigint> = {};
  const feesIn: Record<string, bigint> = {};
  /** Given up, and not paid since. */
  const lostIn: Record<string, bigint> = {};

  const use = (account: Account, period: number, calls: Calls): void => {
    const all = (account.used[period] ??= {});
    for (const [outcome, count] of Object.entries(calls)) {
      all[outcome] = (all[outcome] ?? 0) + count;
      world.usage.record(account.id, period, count, outcome);
    }
  };

  /** Stripe's usual rate, by the accountant's own arithmetic. */
  const stripeKeeps = (charge: bigint, currency: string): bigint => {
    const step = STEP[currency]!;
    const fixed = ((30n + step - 1n) / step) * step;
    const fee = nearest(ratio(charge * 29n, 1000n), step) + fixed;
    return fee < charge ? fee : charge;
  };

  async function audit(account: Account, index: number, lines: readonly bigint[]): Promise<void> {
    const { id, terms, carried } = account;
    const { currency } = terms;
    const invoice = (await world.store.invoices.get(`inv_${id}_${index}`))!;
    const about = `${terms.name} ${index}`;
    const sum = total(lines) + carried;
    const charge = sum > 0n && sum >= MINIMUM[currency]! ? sum : 0n;
    expect(
      invoice.lines.map(({ amountMinor }: InvoiceLine) => amountMinor).filter((amount) => amount !== 0n),
      about,
    ).to.have.deep.members(lines.filter((amount) => amount !== 0n));
    expect(invoice, about).to.deep.include({
      status: 'paid',
      currency,
      subtotalMinor: total(lines),
      carriedInMinor: carried,
      totalMinor: sum,
      chargeMinor: charge,
      carriedMinor: sum - charge,
    });
    for (const { amountMinor, feeMinor, providerMinor } of invoice.lines) {
      expect(feeMinor, about).to.equal(nearest(ratio(amountMinor * FEE_SHARE, 10_000n), STEP[currency]!));
      expect(feeMinor + providerMinor, about).to.equal(amountMinor);
    }
    account.carried = sum - charge;
    if (charge > 0n) {
      paidIn[currency] = (paidIn[currency] ?? 0n) + charge;
      feesIn[currency] = (feesIn[currency] ?? 0n) + stripeKeeps(charge, currency);
      const there = await world.stripe.sdk.invoices.retrieve(invoice.stripeInvoiceId ?? '');
      expect(there, about).to.include({ status: 'paid', currency, total: Number(sum), amount_paid: Number(charge) });
    } else expect(invoice.stripeInvoiceId ?? null, about).to.equal(null);
  }

  interface Posting {
    readonly _id: string;
    readonly currency: string;
    readonly entries: readonly { readonly account: string; readonly amountMinor: bigint }[];
  }

  async function auditBooks(): Promise<void> {
    const postings = (await world.store.connection.collection('ledgerTxns').find({}).toArray()) as unknown as Posting[];
    for (const { _id, entries } of postings) expect(total(entries.map(({ amountMinor }) => BigInt(amountMinor))), _id).to.equal(0n);
    const balance = (account: string, currency: string): bigint =>
      total(
        postings
          .filter((posting) => posting.currency === currency)
          .flatMap(({ entries }) => entries)
          .filter((entry) => entry.account === account)
          .map(({ amountMinor }) => BigInt(amountMinor)),
      );
    const invoices = (await world.store.connection.collection('invoices').find({}).toArray()) as unknown as InvoiceDoc[];
    const { available, pending } = await world.stripe.sdk.balance.retrieve();
    for (const currency of Object.keys(STEP)) {
      const ours = invoices.filter((invoice) => invoice.currency === currency);
      const sold = total(ours.map(({ subtotalMinor }) => BigInt(subtotalMinor)));
      const [paid, fees, lost] = [paidIn[currency] ?? 0n, feesIn[currency] ?? 0n, lostIn[currency] ?? 0n];
      // I10, and what is owed is exactly what is carried.
      expect(balance(`receivable:${BUYER}`, currency), `receivable ${currency}`).to.equal(sold - paid - lost);
      expect(sold - paid - lost, `carried ${currency}`).to.equal(
        total(accounts.filter(({ terms }) => terms.currency === currency).map(({ carried }) => carried)),
      );
      // The seller is owed nothing of what was lost; the platform's part of it stands against its revenue.
      const shares = -balance(`provider_payable:${PROVIDER}`, currency) - balance('platform_revenue', currency) - balance('writeoff', currency);
      expect(shares, `shares ${currency}`).to.equal(sold - lost);
      const fee = (some: readonly InvoiceDoc[]) => total(some.flatMap(({ lines }) => lines).map(({ feeMinor }) => BigInt(feeMinor)));
      const given = ours.filter(({ status }) => status === 'uncollectible');
      const before = ours.filter(({ _id }) => given.some(({ carriedFrom }) => carriedFrom.includes(_id)));
      expect(balance('writeoff', currency), `loss ${currency}`).to.equal(fee([...given, ...before]));
      expect(balance('processing_fees', currency), `fees ${currency}`).to.equal(fees);
      expect(balance('stripe_clearing', currency), `clearing ${currency}`).to.equal(paid - fees);
      const there = [...available, ...pending].filter((one) => one.currency === currency);
      expect(
        there.reduce((sum, { amount }) => sum + amount, 0),
        `Stripe ${currency}`,
      ).to.equal(Number(paid - fees));
    }
    const numbers = invoices.flatMap(({ number, numbered }) => (numbered ? [Number(number)] : [])).sort((a, b) => a - b);
    expect(numbers).to.deep.equal(numbers.map((_, index) => index + 1));
  }

  it('begins on the last day of August: bases and the setup fee are paid, nothing is asked for where nothing is due', async () => {
    world.travel(MONTH_ENDS[0]!);
    for (const terms of PLANS) {
      const id = await world.subscribe((await world.plan(documentOf(terms))).planId);
      const account: Account = { id, terms, ran: [], used: [], billed: [], carried: 0n };
      accounts.push(account);
      await audit(account, 0, [BigInt(terms.base), BigInt(terms.setup ?? 0)]);
    }
    await auditBooks();
  });

  it('bills every month what the papers say: late calls as a difference, a dearer version only from its period on, small sums carried', async () => {
    const roll = dice(20_300_831);
    for (let period = 0; period < MONTH_ENDS.length - 1; period += 1) {
      for (const account of accounts) {
        account.ran[period] = account.terms;
        account.billed[period] = 0n;
        use(account, period, Object.fromEntries(OUTCOMES.map((outcome) => [outcome, roll(outcome.startsWith('2') ? 4_500 : 600)])));
        // Calls that a gateway was slow to report: those of the period before, at most 35 days old (rule N13).
        if (period > 0 && roll(3) === 0) use(account, period - 1, { '200': roll(2_000), '404': roll(50), aborted: roll(9) });
      }
      if (period === 2) await publishDearer(accounts.find(({ terms }) => terms.name === 'starter')!);
      const dearer = PLANS.find(({ name }) => name === 'starter')!;
      const boundaryAt = MONTH_ENDS[period + 1]!;
      for (const { id } of accounts) expect(await world.boundary(id, period + 1)).to.equal(boundaryAt);
      world.travel(boundaryAt + LATENESS_SECONDS * 1000);
      expect((await world.invoicing.round()).failed).to.deep.equal([]);
      expect((await world.invoicing.round()).failed).to.deep.equal([]);
      for (const account of accounts) {
        // Announced in period 2, in force from period 3 on.
        if (period === 2 && account.terms === dearer) account.terms = DEARER;
        const lines = [BigInt(account.terms.base)];
        for (let earlier = 0; earlier <= period; earlier += 1) {
          const cost = costOf(account.ran[earlier]!, account.used[earlier]!);
          const difference = cost - account.billed[earlier]!;
          account.billed[earlier] = cost;
          lines.push(difference);
        }
        await auditMonth(account, period + 1, lines);
      }
      await auditBooks();
    }
  });

  it('writes off what cannot be collected in 21 days, and puts it back when it is paid after all', async () => {
    const at = Date.parse('2031-03-31T06:45:00Z');
    for (const account of accounts) use(account, 6, { '200': 3_333, '404': 21 });
    world.travel(at + LATENESS_SECONDS * 1000);
    world.stripe.world.planDeclines('insufficient_funds', 1_000);
    for (const day of [0, 2, 7, 14, 21]) {
      world.travel(at + LATENESS_SECONDS * 1000 + day * 86_400_000);
      for (let round = 0; round < 3; round += 1) expect((await world.invoicing.round()).failed).to.deep.equal([]);
    }
    while (world.stripe.world.read().takePlannedDecline() !== null);
    const last = new Map(await Promise.all(accounts.map(async ({ id }) => [id, (await world.store.invoices.get(`inv_${id}_7`))!] as const)));
    for (const account of accounts) {
      const { status, chargeMinor, carriedMinor, currency, stripeInvoiceId, attempts } = last.get(account.id)!;
      account.carried = carriedMinor;
      expect({ status, attempts }, account.terms.name).to.deep.equal(
        chargeMinor > 0n ? { status: 'uncollectible', attempts: 5 } : { status: 'paid', attempts: 0 },
      );
      if (chargeMinor === 0n) continue;
      lostIn[currency] = (lostIn[currency] ?? 0n) + chargeMinor;
      expect(await world.stripe.sdk.invoices.retrieve(stripeInvoiceId ?? '')).to.include({ status: 'uncollectible', amount_remaining: Number(chargeMinor) });
      expect((await world.store.subscriptions.get(account.id))?.status).to.equal('canceled');
    }
    expect(Object.keys(lostIn).sort()).to.include.members(['isk', 'jpy', 'kwd', 'usd']);
    await auditBooks();

    for (const name of ['starter', 'tiers', 'cliff', 'packages']) {
      const { id } = accounts.find(({ terms }) => terms.name === name)!;
      const { chargeMinor, currency } = last.get(id)!;
      expect(await world.invoicing.retry(buyer, `inv_${id}_7`), name).to.include({ status: 'paid' });
      lostIn[currency] = lostIn[currency]! - chargeMinor;
      paidIn[currency] = (paidIn[currency] ?? 0n) + chargeMinor;
      feesIn[currency] = (feesIn[currency] ?? 0n) + stripeKeeps(chargeMinor, currency);
      expect((await world.store.subscriptions.get(id))?.status, 'ended is ended').to.equal('canceled');
    }
    await auditBooks();
  });

  const DEARER: Terms = {
    ...PLANS.find(({ name }) => name === 'starter')!,
    base: 1700,
    price: { model: 'per_unit', unit_amount_decimal: '0.85', included: 500 },
  };

  async function publishDearer({ id }: Account): Promise<void> {
    const { planId } = (await world.store.subscriptions.get(id))!;
    const v1 = (await world.store.products.planVersion(`${planId}_v1`))!;
    const document = { ...v1.document, ...documentOf(DEARER) } as unknown as typeof v1.document;
    const now = world.clock.now();
    const v2 = { ...v1, _id: `${planId}_v2`, n: 2, document, publishedAt: now, effectiveAt: now + 86_400_000 };
    await world.store.products.addPlanVersion({ ...v2, standing: 'announced', unsettled: true });
    await world.planAnnouncements.carryOn();
  }

  /** Commitment and cap are lines of their own; the sums are what the papers say. */
  async function auditMonth(account: Account, index: number, lines: readonly bigint[]): Promise<void> {
    const invoice = (await world.store.invoices.get(`inv_${account.id}_${index}`))!;
    const bounds = invoice.lines.filter(({ key }) => /^(commitment|cap)\.|^adj\.\d+\.(commitment|cap)$/.test(key));
    if (bounds.length === 0) return audit(account, index, lines);
    expect(total(invoice.lines.map(({ amountMinor }) => amountMinor)), `${account.terms.name} ${index}`).to.equal(total(lines));
    return audit(
      account,
      index,
      invoice.lines.map(({ amountMinor }) => amountMinor),
    );
  }
});
