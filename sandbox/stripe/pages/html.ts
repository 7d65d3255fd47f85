/** HTML that is safe to place as it is. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Piece = Html | string | number | null | undefined | false | readonly Piece[];

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const render = (piece: Piece): string => {
  if (piece instanceof Html) return piece.text;
  if (Array.isArray(piece)) return piece.map(render).join('');
  if (piece === null || piece === undefined || piece === false) return '';
  return String(piece).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
};

/** A template whose values are escaped. */
export const html = (strings: TemplateStringsArray, ...pieces: Piece[]): Html =>
  new Html(strings.reduce((text, part, index) => text + part + (index < pieces.length ? render(pieces[index]) : ''), ''));

export const layout = (title: string, body: Html, { wide = false }: { wide?: boolean } = {}): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title}</title>
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <header class="notice"><strong>Stripe simulator.</strong> Test payments: no money moves. Never type a real card number.</header>
        <main class="${wide ? 'wide' : 'narrow'}">${body}</main>
      </body>
    </html> `.text;

/** `USD 12.34`; with the decimals its currency has. */
export function money(minor: number, currency: string): string {
  const code = currency.toUpperCase();
  const digits = ['BHD', 'JOD', 'KWD', 'OMR', 'TND'].includes(code) ? 3 : ZERO.includes(code) ? 0 : 2;
  const text = String(Math.abs(minor)).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${code} ${minor < 0 ? '−' : ''}${whole}${digits ? `.${text.slice(-digits)}` : ''}`;
}

const ZERO = 'BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF'.split(' ');

/** Unix seconds as a person reads them. */
export const when = (seconds: number): Html => {
  const iso = new Date(seconds * 1000).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
};
