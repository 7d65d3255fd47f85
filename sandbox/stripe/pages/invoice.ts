import type { Invoice } from '../things.ts';
import { html, layout, money, when } from './html.ts';

/** Stripe's hosted invoice: what is owed, and a button that pays it with the saved card. */
export const invoicePage = ({
  invoice,
  lines,
  last4,
  refusal,
}: {
  invoice: Invoice;
  lines: { description: string | null; amount: number }[];
  /** Of the card it would be paid with. */
  last4: string | null;
  refusal?: string;
}): string =>
  layout(
    `Invoice ${invoice.number ?? invoice.id} · Stripe simulator`,
    html` <section class="panel">
      <h1>Invoice ${invoice.number ?? invoice.id}</h1>
      <p>
        <span class="state ${invoice.status}">${invoice.status}</span> ·
        ${money(invoice.status === 'paid' ? invoice.amount_paid : invoice.amount_remaining, invoice.currency)} ${invoice.status === 'paid' ? 'paid' : 'due'}
      </p>
      ${refusal ? html`<p class="refused" role="alert"><strong>Not paid.</strong> ${refusal}</p>` : ''}
      <table>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col" class="amount">Amount</th>
          </tr>
        </thead>
        <tbody>
          ${lines.map(
            ({ description, amount }) =>
              html`<tr>
                <td>${description ?? ''}</td>
                <td class="amount">${money(amount, invoice.currency)}</td>
              </tr>`,
          )}
          <tr>
            <th scope="row">Total</th>
            <td class="amount">${money(invoice.total, invoice.currency)}</td>
          </tr>
        </tbody>
      </table>
      ${
        invoice.status === 'open' || invoice.status === 'uncollectible'
          ? last4
            ? html`<form method="post" action="/invoices/${invoice.id}">
                <div class="actions"><button>Pay with the card ending in ${last4}</button></div>
              </form>`
            : html`<p>No card is saved. Add one at the shop, then come back.</p>`
          : ''
      }
      <p class="faint">Made ${when(invoice.created)}.</p>
    </section>`,
  );
