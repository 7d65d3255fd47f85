import type { Tx } from '../world.ts';
import { html, layout, money, when, type Html } from './html.ts';

const ROWS_MAX = 50;

const table = (title: string, name: string, heads: readonly string[], rows: readonly Html[], total: number): Html =>
  html` <h2 id="${name}">${title} <span class="faint">${total > rows.length ? `${rows.length} newest of ${total}` : total}</span></h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="${name}">
      ${
        rows.length === 0
          ? html`<p class="empty">None yet.</p>`
          : html`<table>
              <thead>
                <tr>
                  ${heads.map((head) => html`<th scope="col" ${head === 'Amount' ? html` class="amount"` : ''}>${head}</th>`)}
                </tr>
              </thead>
              <tbody>
                ${rows}
              </tbody>
            </table>`
      }
    </div>`;

const state = (text: string): Html => html`<td><span class="state ${text}">${text}</span></td>`;

/** All a developer wants to know at a glance. */
export function indexPage(tx: Tx, { waiting }: { waiting: number }): string {
  const [customers, invoices, charges, sessions, events, deliveries] = [
    tx.all('customer'),
    tx.all('invoice'),
    tx.all('charge'),
    tx.all('checkout.session'),
    tx.all('event'),
    tx.all('delivery'),
  ];
  return layout(
    'Stripe simulator',
    html`
      <h1>Stripe simulator</h1>
      <p>
        It speaks Stripe’s HTTP API (<code>2026-08-26.dahlia</code>) at <code>${tx.baseUrl}/v1</code> and keeps what it is told. Now: ${when(tx.now)}. Webhooks
        on their way: ${waiting}.
      </p>
      ${table(
        'Customers',
        'customers',
        ['Id', 'Name', 'E-mail', 'Default card', 'Since'],
        customers.slice(0, ROWS_MAX).map(
          (each) =>
            html`<tr>
              <td><code>${each.id}</code></td>
              <td>${each.name ?? '—'}</td>
              <td>${each.email ?? '—'}</td>
              <td>${cardText(tx, each.invoice_settings.default_payment_method)}</td>
              <td>${when(each.created)}</td>
            </tr>`,
        ),
        customers.length,
      )}
      ${table(
        'Invoices',
        'invoices',
        ['Number', 'State', 'Amount', 'Customer', 'Tries', 'Made'],
        invoices.slice(0, ROWS_MAX).map(
          (each) =>
            html`<tr>
              <td><a href="/invoices/${each.id}">${each.number ?? each.id}</a></td>
              ${state(each.status)}
              <td class="amount">${money(each.total, each.currency)}</td>
              <td><code>${each.customer}</code></td>
              <td>${each.attempt_count}</td>
              <td>${when(each.created)}</td>
            </tr>`,
        ),
        invoices.length,
      )}
      ${table(
        'Charges',
        'charges',
        ['Id', 'State', 'Amount', 'Customer', 'Made'],
        charges.slice(0, ROWS_MAX).map(
          (each) =>
            html`<tr>
              <td><code>${each.id}</code></td>
              ${state(each.status)}
              <td class="amount">${money(each.amount, each.currency)}</td>
              <td><code>${each.customer ?? '—'}</code></td>
              <td>${when(each.created)}</td>
            </tr>`,
        ),
        charges.length,
      )}
      ${table(
        'Checkout sessions',
        'sessions',
        ['Id', 'State', 'For', 'Ends'],
        sessions.slice(0, ROWS_MAX).map(
          (each) =>
            html`<tr>
              <td>
                <a href="/checkout/${each.id}"><code>${each.id.slice(0, 24)}…</code></a>
              </td>
              ${state(each.status)}
              <td>${String(each.client_reference_id ?? '—')}</td>
              <td>${when(each.expires_at)}</td>
            </tr>`,
        ),
        sessions.length,
      )}
      ${table(
        'Events',
        'events',
        ['Type', 'About', 'Delivery', 'At'],
        events.slice(0, ROWS_MAX).map(
          (each) =>
            html`<tr>
              <td>${each.type}</td>
              <td><code>${String(each.data.object.id)}</code></td>
              ${deliveryCell(deliveries.filter(({ event }) => event === each.id))}
              <td>${when(each.created)}</td>
            </tr>`,
        ),
        events.length,
      )}
    `,
    { wide: true },
  );
}

function cardText(tx: Tx, id: string | null): string {
  const card = id === null ? undefined : tx.find('payment_method', id)?.card;
  return card ? `${card.brand} …${card.last4}` : '—';
}

function deliveryCell(deliveries: { state: string; attempts: number; lastStatus: string | null }[]): Html {
  if (deliveries.length === 0) return html`<td class="faint">nobody listens</td>`;
  return html`<td>
    ${deliveries.map(({ state: text, attempts, lastStatus }) => html`<span class="state ${text}">${text}</span> <span class="faint">${attempts} ${attempts === 1 ? 'try' : 'tries'}${lastStatus ? `, ${lastStatus}` : ''}</span>`)}
  </td>`;
}
