import currencyCodes, { type CurrencyCodeRecord } from 'currency-codes';
import { notFound, pageOf, readDocument, takingAtLeast, UpstreamProblem, type Upstream } from '../kit.ts';

const REPORT_MS = 2_000;
const PARTS_MAX = 1_000;
/** Languages that every ICU build knows. */
const LOCALES = ['de', 'en', 'es', 'fr', 'it', 'ja', 'pl', 'pt', 'ru', 'zh'] as const;
const MINOR = /^-?\d{1,30}$/;

const view = (record: CurrencyCodeRecord) => ({
  code: record.code,
  number: record.number,
  name: record.currency,
  digits: record.digits,
  countries: record.countries,
});

/** Currencies of ISO 4217, from `currency-codes` (MIT, after the table of SIX Financial Information AG). */
export function makeCurrencies(): Upstream {
  const all = currencyCodes.data.toSorted((a, b) => (a.code < b.code ? -1 : 1));
  const byCode = new Map(all.map((record) => [record.code, record]));
  const byNumber = new Map(all.map((record) => [record.number, record]));
  const countries = [...new Set(all.flatMap((record) => record.countries))].toSorted((a, b) => a.localeCompare(b, 'en'));
  const find = (code = ''): CurrencyCodeRecord => {
    const record = byCode.get(code.toUpperCase());
    if (!record) throw notFound(`currency with the code ${code.slice(0, 12)}`);
    return record;
  };
  /** The fields every operation on an amount takes. */
  const amountIn = (body: unknown, more: Record<string, string | undefined> = {}) => {
    const { code, minor } = (body ?? {}) as { code?: unknown; minor?: unknown };
    const faults = Object.fromEntries(
      Object.entries({
        ...more,
        code: typeof code === 'string' ? undefined : 'a currency’s code',
        minor: typeof minor === 'string' && MINOR.test(minor) ? undefined : 'a whole number of minor units, as text',
      }).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    if (Object.keys(faults).length > 0) throw new UpstreamProblem(422, 'The body cannot be accepted.', { faults });
    return { record: find(code as string), minor: BigInt(minor as string) };
  };

  return {
    name: 'currencies',
    document: readDocument(new URL('./openapi.yaml', import.meta.url)),
    operations: [
      {
        method: 'GET',
        path: '/v1/currencies',
        handle: ({ query }) => {
          const name = query.text('name')?.toLowerCase();
          const country = query.text('country')?.toLowerCase();
          const digits = query.integer('digits', 0, 4);
          return pageOf(query, () =>
            all
              .filter((record) => name === undefined || record.currency.toLowerCase().includes(name))
              .filter((record) => country === undefined || record.countries.some((each) => each.toLowerCase().startsWith(country)))
              .filter((record) => digits === undefined || record.digits === digits)
              .map(view),
          );
        },
      },
      { method: 'GET', path: '/v1/currencies/{code}', handle: ({ params, query }) => (query.check(), view(find(params.code))) },
      {
        method: 'GET',
        path: '/v1/numbers/{number}',
        handle: ({ params, query }) => {
          query.check();
          const record = byNumber.get(params.number ?? '');
          if (!record) throw notFound(`currency with the number ${(params.number ?? '').slice(0, 12)}`);
          return view(record);
        },
      },
      {
        method: 'GET',
        path: '/v1/currencies/{code}/names',
        handle: ({ params, query }) => {
          query.check();
          const { code } = find(params.code);
          return { items: LOCALES.map((locale) => ({ locale, name: new Intl.DisplayNames(locale, { type: 'currency' }).of(code) ?? code })) };
        },
      },
      {
        method: 'GET',
        path: '/v1/countries',
        handle: ({ query }) =>
          pageOf(query, () => countries.map((name) => ({ name, currencies: all.filter((record) => record.countries.includes(name)).map(({ code }) => code) }))),
      },
      {
        method: 'POST',
        path: '/v1/amounts/format',
        handle: ({ body }) => {
          const { record, minor } = amountIn(body);
          return { code: record.code, minor: String(minor), text: `${record.code} ${decimal(minor, record.digits)}` };
        },
      },
      {
        method: 'POST',
        path: '/v1/amounts/split',
        handle: ({ body }) => {
          const parts = (body as { parts?: unknown } | null)?.parts;
          const whole = Number.isInteger(parts) && (parts as number) >= 1 && (parts as number) <= PARTS_MAX;
          const { record, minor } = amountIn(body, { parts: whole ? undefined : `a whole number from 1 to ${PARTS_MAX}` });
          return { code: record.code, parts: split(minor, BigInt(parts as number)).map(String) };
        },
      },
      {
        method: 'GET',
        path: '/v1/reports/minor-units',
        handle: ({ query }) => {
          query.check();
          const digits = [...new Set(all.map((record) => record.digits))].toSorted((a, b) => a - b);
          return takingAtLeast(REPORT_MS, () => ({
            items: digits.map((each) => ({ digits: each, codes: all.filter((record) => record.digits === each).map(({ code }) => code) })),
          }));
        },
      },
      {
        method: 'GET',
        path: '/v1/rates/{code}',
        handle: ({ params, query }) => {
          query.check();
          find(params.code);
          throw new UpstreamProblem(503, 'The source of exchange rates is offline.', { headers: { 'retry-after': '3600' } });
        },
      },
    ],
  };
}

function decimal(minor: bigint, digits: number): string {
  const text = String(minor < 0n ? -minor : minor).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits);
  return `${minor < 0n ? '-' : ''}${digits === 0 ? text : `${whole}.${text.slice(-digits)}`}`;
}

/** Parts that differ by one at most and add up to the whole. */
function split(minor: bigint, parts: bigint): bigint[] {
  const sign = minor < 0n ? -1n : 1n;
  const [least, rest] = [(sign * minor) / parts, (sign * minor) % parts];
  return Array.from({ length: Number(parts) }, (_, index) => sign * (least + (BigInt(index) < rest ? 1n : 0n)));
}
