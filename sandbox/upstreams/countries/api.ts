import timezones from 'countries-and-timezones';
import countriesModule, { type Country } from 'world-countries';
import { notFound, pageOf, readDocument, takingAtLeast, UpstreamProblem, type Upstream } from '../kit.ts';

const REGIONS = ['Africa', 'Americas', 'Antarctic', 'Asia', 'Europe', 'Oceania'] as const;
const REPORT_MS = 2_000;
const LOOKUP_MAX = 50;

const view = (country: Country) => ({
  code: country.cca2,
  code3: country.cca3,
  number: country.ccn3 || null,
  name: country.name.common,
  official_name: country.name.official,
  region: country.region,
  subregion: country.subregion || null,
  capitals: country.capital,
  languages: Object.keys(country.languages),
  currencies: Object.keys(country.currencies),
  area_km2: country.area > 0 ? country.area : null,
  landlocked: country.landlocked,
  neighbours: country.borders,
  flag: country.flag,
});

/** The package declares an ES default export and ships CommonJS: what arrives here is the list itself. */
const worldCountries = countriesModule as unknown as readonly Country[];

/** Countries of the world, from `world-countries` (ODbL-1.0), with time zones from `countries-and-timezones` (MIT). */
export function makeCountries(): Upstream {
  const all = worldCountries.toSorted((a, b) => a.name.common.localeCompare(b.name.common, 'en'));
  const byCode = new Map(all.flatMap((country) => [country.cca2, country.cca3, country.ccn3].filter(Boolean).map((code) => [code, country] as const)));
  const find = (code = ''): Country => {
    const country = byCode.get(code.toUpperCase());
    if (!country) throw notFound(`country with the code ${code.slice(0, 12)}`);
    return country;
  };
  const languages = [...new Map(all.flatMap((country) => Object.entries(country.languages))).entries()]
    .map(([code, name]) => ({ code, name, countries: all.filter((country) => code in country.languages).map(({ cca2 }) => cca2) }))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en'));

  return {
    name: 'countries',
    document: readDocument(new URL('./openapi.yaml', import.meta.url)),
    operations: [
      {
        method: 'GET',
        path: '/v1/countries',
        handle: ({ query }) => {
          const name = query.text('name')?.toLowerCase();
          const region = query.oneOf('region', REGIONS);
          const language = query.text('language', 3)?.toLowerCase();
          const currency = query.text('currency', 3)?.toUpperCase();
          const landlocked = query.oneOf('landlocked', ['true', 'false']);
          const matches = (country: Country): boolean =>
            (name === undefined || country.name.common.toLowerCase().includes(name)) &&
            (region === undefined || country.region === region) &&
            (language === undefined || language in country.languages) &&
            (currency === undefined || currency in country.currencies) &&
            (landlocked === undefined || country.landlocked === (landlocked === 'true'));
          return pageOf(query, () => all.filter(matches).map(view));
        },
      },
      { method: 'GET', path: '/v1/countries/{code}', handle: ({ params, query }) => (query.check(), view(find(params.code))) },
      {
        method: 'GET',
        path: '/v1/countries/{code}/neighbours',
        handle: ({ params, query }) => (query.check(), { items: find(params.code).borders.map((code) => view(find(code))) }),
      },
      {
        method: 'GET',
        path: '/v1/countries/{code}/translations',
        handle: ({ params, query }) => {
          query.check();
          return {
            items: Object.entries(find(params.code).translations).map(([language, { common, official }]) => ({
              language,
              name: common,
              official_name: official,
            })),
          };
        },
      },
      {
        method: 'GET',
        path: '/v1/countries/{code}/timezones',
        handle: ({ params, query }) => {
          query.check();
          const zones = timezones.getTimezonesForCountry(find(params.code).cca2) ?? [];
          return { items: zones.map((zone) => ({ name: zone.name, utc_offset_minutes: zone.utcOffset, dst_offset_minutes: zone.dstOffset })) };
        },
      },
      { method: 'GET', path: '/v1/languages', handle: ({ query }) => pageOf(query, () => languages) },
      {
        method: 'POST',
        path: '/v1/countries/lookup',
        handle: ({ body }) => {
          const codes = (body as { codes?: unknown } | null)?.codes;
          if (!Array.isArray(codes) || codes.length === 0 || codes.length > LOOKUP_MAX || !codes.every((code) => typeof code === 'string')) {
            throw new UpstreamProblem(422, 'The body cannot be accepted.', { faults: { codes: `a list of 1 to ${LOOKUP_MAX} codes` } });
          }
          const known = codes.map((code: string) => [code, byCode.get(code.toUpperCase())] as const);
          return {
            items: known.flatMap(([, country]) => (country ? [view(country)] : [])),
            unknown: known.filter(([, country]) => !country).map(([code]) => code),
          };
        },
      },
      {
        method: 'GET',
        path: '/v1/reports/land-route',
        handle: ({ query }) => {
          const from = query.needed('from', query.text('from', 3));
          const to = query.needed('to', query.text('to', 3));
          query.check();
          const [start, end] = [find(from), find(to)];
          return takingAtLeast(REPORT_MS, () => {
            const route = landRoute(start, end, find);
            return { from: start.cca3, to: end.cca3, reachable: route !== undefined, route: route ?? [] };
          });
        },
      },
      {
        method: 'GET',
        path: '/v1/countries/{code}/population',
        handle: ({ params, query }) => {
          query.check();
          find(params.code);
          throw new UpstreamProblem(503, 'The population register is offline.', { headers: { 'retry-after': '3600' } });
        },
      },
    ],
  };
}

/** The fewest borders between two countries, by breadth-first search. */
function landRoute(start: Country, end: Country, find: (code: string) => Country): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[start.cca3, undefined]]);
  for (const code of cameFrom.keys()) {
    // a Map's iteration sees what is added meanwhile: it is the queue
    if (code === end.cca3) {
      const route: string[] = [];
      for (let step: string | undefined = code; step !== undefined; step = cameFrom.get(step)) route.unshift(step);
      return route;
    }
    for (const next of find(code).borders) if (!cameFrom.has(next)) cameFrom.set(next, code);
  }
  return undefined;
}
