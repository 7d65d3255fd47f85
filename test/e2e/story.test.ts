import { expect } from 'chai';
import { eventually, journey, sandbox } from '../support/browser.ts';
import { openBooks } from './support/books.ts';
import { createKey, GOOD_CARD, payWith, subscribe, subscriptionOf, untilStatus } from './support/buying.ts';
import { call, readCurl } from './support/calling.ts';
import { minorOf, press } from './support/forms.ts';
import { join, stranger } from './support/people.ts';
import { approve, offer, STARTER, TASTE } from './support/selling.ts';

/** Ten are included; five more at half a cent are two and a half cents: three, on the line. */
const CALLS = 15;
const BASE_MINOR = 1_000n;
const OVERAGE_MINOR = 3n;
/** A period is billed a quarter of an hour after its end, for usage that comes late. */
const MONTH = 'P1MT1H';
/** Usage is on the pages within this long after the call. */
const USAGE_MS = 10_000;

describe('the whole story', () => {
  journey('from an OpenAPI file to a paid invoice that says the same everywhere', async (visitor) => {
    const { page, go } = visitor;
    const provider = stranger('Petra Provider', 'Meridian Maps');
    const buyer = stranger('Ben Buyer', 'Quay Couriers');
    const product = `Borders of ${provider.organization}`;

    await offer(visitor, provider, { product, tagline: 'Countries and their borders, for address forms', plans: [STARTER, TASTE] });
    await approve(visitor, product);

    await join(visitor, buyer);
    await subscribe(visitor, { words: `borders ${provider.organization}`, listing: product, plan: 'starter' });
    await payWith(page, GOOD_CARD);
    const subscriptionId = subscriptionOf(page);
    await untilStatus(visitor, subscriptionId, 'active');

    const shown = readCurl(await createKey(visitor));
    for (let i = 0; i < CALLS; i += 1) {
      const answer = await call(shown);
      expect(answer.status, await answer.clone().text()).to.equal(200);
    }
    await eventually(
      'every call is on the usage page',
      async () => {
        await go(`/usage?subscription=${subscriptionId}&range=period`);
        const total = page.locator('table[data-name=usage] tfoot td[data-label=Calls]');
        return (await total.count()) > 0 && (await total.innerText()) === String(CALLS);
      },
      USAGE_MS,
    );

    await sandbox('/sandbox/clock', { advance: MONTH });
    await eventually('the month is invoiced and paid', async () => {
      await go(`/subscriptions/${subscriptionId}`);
      return (await page.locator('table[data-name=invoices] [data-status=paid]').count()) === 2;
    });
    await press(page.locator('table[data-name=invoices] tbody tr', { hasText: 'USD 10.03' }).locator('a'));
    const invoiceId = new URL(page.url()).pathname.split('/')[2] ?? '';
    const lines = page.locator('table[data-name=lines] tbody td[data-label=Amount]');
    expect(await Promise.all((await lines.all()).map(minorOf)).then((amounts) => amounts.sort((a, b) => Number(b - a)))).to.deep.equal([
      BASE_MINOR,
      OVERAGE_MINOR,
    ]);
    const total = await minorOf(page.locator('[data-name=total]'));
    expect(total, 'on the page').to.equal(BASE_MINOR + OVERAGE_MINOR);

    const books = await openBooks();
    try {
      const invoice = await books.invoice(invoiceId);
      expect(invoice, 'in the store').to.include({ status: 'paid', totalMinor: total });
      expect(await books.booked(`inv.finalized.${invoiceId}`, 'receivable'), 'owed, in the ledger').to.equal(total);
      expect(await books.booked(`pay.${invoiceId}`, 'stripe_clearing'), 'paid, in the ledger').to.equal(total);
      const atStripe = await books.stripeInvoice(invoice?.stripeInvoiceId ?? '');
      expect({ status: atStripe.status, total: BigInt(atStripe.total), paid: BigInt(atStripe.amount_paid) }, 'at Stripe').to.deep.equal({
        status: 'paid',
        total,
        paid: total,
      });
      const deliveries = await eventually('the webhook is handled', async () => {
        const found = (await books.deliveries(atStripe.id ?? '')).filter(({ type }) => type === 'invoice.paid');
        return found.length > 0 && found.every(({ status }) => status === 'done') && found;
      });
      expect(deliveries, 'webhooks that said so').to.have.length(1);
    } finally {
      await books.close();
    }
  });
});
