import Handlebars, { type HelperDelegate, type HelperOptions } from 'handlebars';
import { formatMoney } from '../domain/money.ts';
import { assetPath } from './assets.ts';
import { iconSvg } from './icons.ts';
import { renderMarkdown, renderMarkdownLine } from './markdown.ts';
import { counted, grouped } from './present/number.ts';
import { statusWord } from './present/status.ts';
import { dateWords, isoUtc, timeWords } from './present/time.ts';

const { escapeExpression: escaped } = Handlebars.Utils;
/** For markup written here from parts that were escaped; never for text that came from outside. */
const html = (markup: string): Handlebars.SafeString => new Handlebars.SafeString(markup);

/** The text of an address that may stand in `href`: absolute http and https only; everything else is the empty string. */
export function safeUrl(value: unknown): string {
  if (typeof value !== 'string') return '';
  try {
    const { protocol, href } = new URL(value);
    return protocol === 'https:' || protocol === 'http:' ? href : '';
  } catch {
    return '';
  }
}

/**
 * Helpers get their arguments, then Handlebars' options, which are dropped here. Without an argument a name means the model's own
 * property: `{{status}}` prints a property called status, although there is a helper of that name.
 */
const plain = (fn: (...args: unknown[]) => unknown): HelperDelegate =>
  function (this: unknown, ...args: unknown[]) {
    if (args.length > 1) return fn(...args.slice(0, -1));
    const { name } = args[0] as HelperOptions & { name: string };
    return typeof this === 'object' && this !== null && Object.hasOwn(this, name) ? (this as Record<string, unknown>)[name] : undefined;
  };

/** As `#if` decides: 0 and the empty list are false too. */
const truthy = (value: unknown): boolean => Boolean(value) && !Handlebars.Utils.isEmpty(value);
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const NOTHING = html('<span class="none" aria-label="none">–</span>');

/** Every helper a template may use; an unknown one fails when the page is compiled. */
export const helpers: Readonly<Record<string, HelperDelegate>> = {
  and: plain((...values) => (values.every(truthy) ? values.at(-1) : values.find((value) => !truthy(value)))),
  asset: plain((file) => assetPath(String(file))),
  concat: plain((...values) => values.map((value) => String(value ?? '')).join('')),
  counted: plain((count, one, many) => counted(toCount(count), String(one), typeof many === 'string' ? many : undefined)),
  date: plain((at) => (isTime(at) ? html(`<time datetime="${isoUtc(at)}">${dateWords(at)}</time>`) : NOTHING)),
  eq: plain((a, b) => a === b),
  gt: plain((a, b) => toCount(a) > toCount(b)),
  icon: plain((name) => html(iconSvg(String(name)))),
  markdown: plain((text) => html(renderMarkdown(typeof text === 'string' ? text : ''))),
  markdownLine: plain((text) => html(renderMarkdownLine(typeof text === 'string' ? text : ''))),
  method: plain((method) => html(`<span class="method" data-method="${escaped(String(method))}">${escaped(String(method))}</span>`)),
  money: plain((minor, currency) => {
    if (typeof minor !== 'bigint') return NOTHING;
    const code = String(currency);
    return html(`<data value="${minor}" data-currency="${escaped(code)}">${escaped(formatMoney(minor, code))}</data>`);
  }),
  ne: plain((a, b) => a !== b),
  not: plain((value) => !truthy(value)),
  number: plain((value) => (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' ? grouped(value) : NOTHING)),
  or: plain((...values) => values.find(truthy) ?? values.at(-1)),
  plural: plain((count, one, many) => (BigInt(toCount(count)) === 1n ? one : (many ?? `${String(one)}s`))),
  safeUrl: plain(safeUrl),
  status: plain((kind, status) => {
    const [word, tone] = statusWord(String(kind), String(status));
    return html(`<span class="badge" data-tone="${tone}" data-status="${escaped(String(status))}">${escaped(word)}</span>`);
  }),
  time: plain((at) => (isTime(at) ? html(`<time datetime="${isoUtc(at)}">${timeWords(at)}</time>`) : NOTHING)),
  /** Markup that our own code made from our own text; nothing of a stranger ever goes here. */
  trusted: plain((markup) => html(typeof markup === 'string' ? markup : '')),
  uri: plain((part) => encodeURIComponent(String(part))),
};

function toCount(value: unknown): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  throw new TypeError(`not a count: ${typeof value}`);
}
