import { cardOf, OFFERED_CARDS } from '../cards.ts';
import type { CheckoutSession, Customer } from '../things.ts';
import { html, layout, when } from './html.ts';

export interface CardForm {
  number: string;
  expiry: string;
  cvc: string;
  name: string;
}

export interface TypedCard {
  number: string;
  expMonth: number;
  expYear: number;
  name: string | null;
}

export const EMPTY_CARD: CardForm = { number: '', expiry: '', cvc: '', name: '' };

/** What a click on a test card fills in: good for five more years. @param now unix seconds */
export const filledWith = (number: string, now: number): CardForm => ({
  number: spaced(number),
  expiry: `12 / ${String((expiryYear(now) + 5) % 100).padStart(2, '0')}`,
  cvc: '123',
  name: 'Test Buyer',
});

const expiryYear = (now: number): number => new Date(now * 1000).getUTCFullYear();

const spaced = (number: string): string => number.replace(/(\d{4})(?=\d)/g, '$1 ');

/** Read what a person typed. Faults by field; a real card is refused by not being one of the test cards. @param now unix seconds */
export function readCard(form: CardForm, now: number): { card: TypedCard } | { faults: Partial<Record<keyof CardForm, string>> } {
  const faults: Partial<Record<keyof CardForm, string>> = {};
  const number = form.number.replace(/[\s-]/g, '');
  if (number === '') faults.number = 'Type a card number.';
  else if (!/^\d{12,19}$/.test(number)) faults.number = 'A card number has 12 to 19 digits.';
  else if (!cardOf(number)) faults.number = 'This is not one of the test cards. Choose one from the list.';
  const expiry = /^\s*(\d{1,2})\s*[/\-\s]\s*(\d{2}|\d{4})\s*$/.exec(form.expiry) ?? /^(\d{2})(\d{2})$/.exec(form.expiry.trim());
  const expMonth = Number(expiry?.[1]);
  const expYear = expiry ? (expiry[2]!.length === 2 ? 2000 + Number(expiry[2]) : Number(expiry[2])) : NaN;
  if (!expiry || expMonth < 1 || expMonth > 12) faults.expiry = 'Type month and year, such as 12 / 34.';
  else if (new Date(Date.UTC(expYear, expMonth)).getTime() <= now * 1000) faults.expiry = 'This date is in the past.';
  if (!/^\d{3,4}$/.test(form.cvc.trim())) faults.cvc = 'The security code has 3 or 4 digits.';
  if (form.name.length > 100) faults.name = 'At most 100 characters.';
  return Object.keys(faults).length > 0 ? { faults } : { card: { number, expMonth, expYear, name: form.name.trim() || null } };
}

const field = (
  name: keyof CardForm,
  label: string,
  value: string,
  error: string | undefined,
  more: { autocomplete: string; inputmode?: string; placeholder?: string },
) =>
  html` <div>
    <label for="${name}">${label}</label>
    <input
      id="${name}"
      name="${name}"
      value="${value}"
      autocomplete="${more.autocomplete}"
      ${more.inputmode ? html` inputmode="${more.inputmode}"` : ''}${more.placeholder ? html` placeholder="${more.placeholder}"` : ''}${error ? html` aria-invalid="true" aria-describedby="${name}-error"` : ''}
    />
    ${error ? html`<p class="error" id="${name}-error">${error}</p>` : ''}
  </div>`;

/** Where a person saves a card. `refusal` is the bank's no, `faults` are slips of the pen. */
export const checkoutPage = ({
  session,
  customer,
  form,
  faults = {},
  refusal,
}: {
  session: CheckoutSession;
  customer: Customer | undefined;
  form: CardForm;
  faults?: Partial<Record<keyof CardForm, string>>;
  refusal?: string;
}): string =>
  layout(
    'Save a card · Stripe simulator',
    html` <section class="panel">
        <h1>Save a card</h1>
        <p class="faint">${customer?.name ?? customer?.email ?? 'You'}: the card is kept for later payments. Nothing is charged on this page.</p>
        ${refusal ? html`<p class="refused" role="alert" id="refusal"><strong>The card was not accepted.</strong> ${refusal}</p>` : ''}
        <form method="post" action="/checkout/${session.id}" novalidate>
          ${field('number', 'Card number', form.number, faults.number, { autocomplete: 'cc-number', inputmode: 'numeric', placeholder: '4242 4242 4242 4242' })}
          <div class="pair">
            ${field('expiry', 'Expires', form.expiry, faults.expiry, { autocomplete: 'cc-exp', placeholder: 'MM / YY' })}
            ${field('cvc', 'Security code', form.cvc, faults.cvc, { autocomplete: 'cc-csc', inputmode: 'numeric', placeholder: '123' })}
          </div>
          ${field('name', 'Name on card (optional)', form.name, faults.name, { autocomplete: 'cc-name' })}
          <div class="actions"><button class="wide">Save card</button></div>
        </form>
        ${session.cancel_url ? html`<p><a href="${session.cancel_url}">Back without saving</a></p>` : ''}
      </section>
      <section class="panel" aria-labelledby="cards-title">
        <h2 id="cards-title">Test cards</h2>
        <p class="faint">A click fills the form in.</p>
        <ul class="cards">
          ${OFFERED_CARDS.map((card) => html`<li><a class="number" href="/checkout/${session.id}?card=${card.number}">${spaced(card.number)}</a> <span>${card.label}</span></li>`)}
        </ul>
      </section>
      <p class="faint">This session ends ${when(session.expires_at)}.</p>`,
  );

/** Complete or expired: nothing to type any more. */
export const closedCheckoutPage = (session: CheckoutSession): string =>
  layout(
    'Checkout · Stripe simulator',
    html` <section class="panel">
      <h1>${session.status === 'complete' ? 'The card is saved' : 'This session has expired'}</h1>
      <p>${session.status === 'complete' ? 'You can close this page, or go back to the shop.' : 'No card was saved. Start again from the shop.'}</p>
      <div class="actions">
        <a
          class="button"
          href="${(session.status === 'complete' ? session.success_url.replaceAll('{CHECKOUT_SESSION_ID}', session.id) : session.cancel_url) ?? session.success_url}"
          >Back to the shop</a
        >
      </div>
    </section>`,
  );

/** The bank's page in the middle of a payment. */
export const challengePage = ({ id, last4, action, what }: { id: string; last4: string; action: string; what: string }): string =>
  layout(
    '3-D Secure · Stripe simulator',
    html` <section class="panel">
      <h1>Your bank asks: is it you?</h1>
      <p>3-D Secure for the card ending in <span class="number">${last4}</span>: ${what}.</p>
      <p class="faint">A real bank would ask for a code or for its app. Here you decide how it ends.</p>
      <form method="post" action="${action}">
        <div class="actions">
          <button name="answer" value="approve">Approve</button>
          <button class="second" name="answer" value="fail">Fail</button>
        </div>
      </form>
      <dl class="facts">
        <dt>Reference</dt>
        <dd><code>${id}</code></dd>
      </dl>
    </section>`,
  );
