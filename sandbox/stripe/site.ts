import type { IncomingMessage, ServerResponse } from 'node:http';
import { cardOf } from './cards.ts';
import { answerPaymentChallenge, intentOf, pay } from './collecting.ts';
import { StripeFault } from './faults.ts';
import { challengePage, checkoutPage, closedCheckoutPage, EMPTY_CARD, filledWith, readCard, type CardForm } from './pages/checkout.ts';
import { html, layout } from './pages/html.ts';
import { indexPage } from './pages/index.ts';
import { invoicePage } from './pages/invoice.ts';
import { STYLE } from './pages/style.ts';
import { completeIfSaved, submitCard } from './resources/checkout-sessions.ts';
import { mint } from './resources/payment-methods.ts';
import { answerSetupChallenge } from './resources/setup-intents.ts';
import type { CheckoutSession } from './things.ts';
import { linesOf } from './view.ts';
import type { Tx, World } from './world.ts';
import type { Webhooks } from './webhooks.ts';

type Page = { status?: number; body: string; formTo?: string } | { redirect: string } | null;

const NOBODY = { id: null, idempotencyKey: null };

/** The pages people see: the overview, Checkout, the bank's question, hosted invoices. Forms and redirects only. */
export async function site(
  { world, webhooks }: { world: World; webhooks: Webhooks },
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  body: string,
): Promise<void> {
  const post = request.method === 'POST' ? new URLSearchParams(body) : null;
  if (url.pathname === '/style.css') return sendText(response, 200, STYLE, 'text/css; charset=utf-8');
  if (url.pathname === '/health') return sendText(response, 200, '{"status":"ok"}\n', 'application/json');
  const page = pageOf(world, webhooks, url, post);
  if (page === null)
    return sendPage(
      response,
      404,
      layout(
        'Not found · Stripe simulator',
        html`<section class="panel">
          <h1>Nothing here</h1>
          <p><a href="/">To the overview</a></p>
        </section>`,
      ),
    );
  if ('redirect' in page) return void response.writeHead(303, { Location: page.redirect, 'Cache-Control': 'no-store' }).end();
  sendPage(response, page.status ?? 200, page.body, page.formTo);
}

function pageOf(world: World, webhooks: Webhooks, url: URL, post: URLSearchParams | null): Page {
  const [, section, id = '', rest] = url.pathname.split('/');
  if (rest !== undefined && !(section === 'invoices' && rest === 'pdf')) return null;
  if (section === '' && post === null) return { body: indexPage(world.read(), { waiting: webhooks.status().pending }) };
  if (section === 'checkout') return checkout(world, id, url, post);
  if (section === 'authenticate') return authenticate(world, id, post);
  if (section === 'invoices') return invoice(world, id, post);
  return null;
}

function checkout(world: World, id: string, url: URL, post: URLSearchParams | null): Page {
  const tx = world.read();
  const session = tx.find('checkout.session', id);
  if (!session) return null;
  if (session.status !== 'open') return { body: closedCheckoutPage(session) };
  const intent = tx.get('setup_intent', session.setup_intent);
  if (intent.status === 'requires_action' && post === null && !url.searchParams.has('again')) return { redirect: `/authenticate/${intent.id}` };
  const customer = session.customer === null ? undefined : tx.find('customer', session.customer);
  const shown = (form: CardForm, more: { faults?: Partial<Record<keyof CardForm, string>>; refusal?: string } = {}) => ({
    status: more.faults || more.refusal ? 422 : 200,
    body: checkoutPage({ session, customer, form, ...more }),
    formTo: session.success_url,
  });
  if (post === null) {
    const chosen = cardOf(url.searchParams.get('card') ?? '');
    const lastError = intent.last_setup_error as { message: string } | null;
    return { ...shown(chosen ? filledWith(chosen.number, tx.now) : EMPTY_CARD, lastError && !chosen ? { refusal: lastError.message } : {}), status: 200 };
  }
  const form: CardForm = {
    number: post.get('number') ?? '',
    expiry: post.get('expiry') ?? '',
    cvc: post.get('cvc') ?? '',
    name: (post.get('name') ?? '').slice(0, 200),
  };
  const read = readCard(form, tx.now);
  if ('faults' in read) return shown(form, { faults: read.faults });
  const { number, expMonth, expYear, name } = read.card;
  const refusal = attempt(world, (write) => {
    const method = mint(write, cardOf(number)!, { expMonth, expYear, cvc: true, name });
    submitCard(write, write.get('checkout.session', id), method);
  });
  if (refusal !== null) return shown(form, { refusal });
  return after(world, id);
}

/** Where a session goes on: back to the shop, to the bank, or to the form again. */
function after(world: World, sessionId: string): Page {
  const tx = world.read();
  const session = tx.get('checkout.session', sessionId);
  if (session.status === 'complete') return { redirect: session.success_url.replaceAll('{CHECKOUT_SESSION_ID}', session.id) };
  const intent = tx.get('setup_intent', session.setup_intent);
  return { redirect: intent.status === 'requires_action' ? `/authenticate/${intent.id}` : `/checkout/${session.id}` };
}

function authenticate(world: World, id: string, post: URLSearchParams | null): Page {
  const tx = world.read();
  const setup = tx.find('setup_intent', id);
  const intent = setup ?? tx.find('payment_intent', id);
  if (!intent) return null;
  const session: CheckoutSession | undefined = setup && tx.all('checkout.session').find((each) => each.setup_intent === id);
  const invoiceId = intent.$invoice as string | null | undefined;
  const back = (): Page => {
    if (session) return after(world, session.id);
    return { redirect: invoiceId ? `/invoices/${invoiceId}` : (intent.$returnUrl ?? '/') };
  };
  if (intent.status !== 'requires_action') return back();
  if (post === null) {
    const method = tx.get('payment_method', intent.payment_method!);
    return {
      body: challengePage({ id, last4: method.card.last4, action: `/authenticate/${id}`, what: setup ? 'you want to save it' : 'you want to pay with it' }),
      formTo: session?.success_url ?? '',
    };
  }
  const approved = post.get('answer') === 'approve';
  attempt(world, (write) => {
    if (!setup) return void answerPaymentChallenge(write, write.get('payment_intent', id), approved);
    const answered = answerSetupChallenge(write, write.get('setup_intent', id), approved);
    if (session) completeIfSaved(write, write.get('checkout.session', session.id), answered.status === 'succeeded');
  });
  return back();
}

function invoice(world: World, id: string, post: URLSearchParams | null): Page {
  const tx = world.read();
  const found = tx.find('invoice', id);
  if (!found) return null;
  const refusal = post && found.status === 'open' ? attempt(world, (write) => void pay(write, write.get('invoice', id))) : null;
  const now = world.read();
  const present = now.get('invoice', id);
  if (post && present.$payment !== null) {
    const intent = intentOf(now, present);
    if (intent.status === 'requires_action') return { redirect: `/authenticate/${intent.id}` };
  }
  if (post && refusal === null) return { redirect: `/invoices/${id}` };
  return { status: refusal === null ? 200 : 402, body: shownInvoice(now, id, refusal) };
}

function shownInvoice(tx: Tx, id: string, refusal: string | null): string {
  const invoice = tx.get('invoice', id);
  const methodId = invoice.default_payment_method ?? tx.get('customer', invoice.customer).invoice_settings.default_payment_method;
  const lines = linesOf(tx, invoice)
    .map(({ description, amount }) => ({ description: description as string | null, amount: amount as number }))
    .reverse();
  return invoicePage({ invoice, lines, last4: methodId === null ? null : tx.get('payment_method', methodId).card.last4, ...(refusal !== null && { refusal }) });
}

/** Run a change as a person would cause it. @returns the refusal's message, or null when it went well */
function attempt(world: World, run: (tx: Tx) => void): string | null {
  try {
    return world.transact(NOBODY, (tx) => {
      try {
        run(tx);
        return null;
      } catch (error) {
        if (error instanceof StripeFault && error.details.keep) return error.message;
        throw error;
      }
    });
  } catch (error) {
    if (error instanceof StripeFault) return error.message;
    throw error;
  }
}

function sendText(response: ServerResponse, status: number, body: string, type: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-cache', 'X-Content-Type-Options': 'nosniff' }).end(body);
}

/** @param formTo where a form's redirect may lead: browsers apply form-action to the redirect after a POST */
function sendPage(response: ServerResponse, status: number, body: string, formTo = ''): void {
  const origin = URL.canParse(formTo) ? ` ${new URL(formTo).origin}` : '';
  response
    .writeHead(status, {
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Security-Policy': `default-src 'none'; style-src 'self'; form-action 'self'${origin}; base-uri 'none'; frame-ancestors 'none'`,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    })
    .end(body);
}
