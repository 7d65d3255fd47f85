// One provider's API server: `main.js countries|cities|currencies PORT`, on 127.0.0.1 only.
import { makeUpstream, type Upstream } from './kit.ts';

const KNOWN: Readonly<Record<string, () => Promise<Upstream>>> = {
  cities: async () => (await import('./cities/api.ts')).makeCities(),
  countries: async () => (await import('./countries/api.ts')).makeCountries(),
  currencies: async () => (await import('./currencies/api.ts')).makeCurrencies(),
};

const [name = '', port = ''] = process.argv.slice(2);
const make = KNOWN[name];
if (!make || !/^\d+$/.test(port)) throw new Error(`usage: main.js ${Object.keys(KNOWN).join('|')} PORT`);
const server = makeUpstream(await make());
server.listen(Number(port), '127.0.0.1');
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close();
    server.closeIdleConnections();
  });
}
