// What the database is quick at and what it is not, on the resolved engine: the figures of docs/decisions/0002.
// `MONGODB_URI=… node --import tsx bench/store.ts`: fills a database of its own, measures, drops it.
import { MongoClient } from 'mongodb';

const DOCUMENTS = 10_000;
const ROUNDS = 7;

const uri = process.env.MONGODB_URI;
if (!uri) throw new Error('MONGODB_URI is not set');
const client = await MongoClient.connect(uri, { useBigInt64: true, maxPoolSize: 20 });
const db = client.db(`bench_store_${process.pid}`);

interface Row {
  readonly _id: string;
  readonly org: string;
  readonly seq: number;
  readonly key: string;
  readonly status: string;
  rev: number;
}
const rows = db.collection<Row>('rows');

/** Median of ROUNDS, in milliseconds; the answer is checked first, so that nothing wrong is measured. */
async function measure<T>(name: string, expected: T | ((answer: T) => boolean), work: (round: number) => Promise<T>): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    const answer = await work(round);
    times.push(performance.now() - startedAt);
    const right = typeof expected === 'function' ? (expected as (answer: T) => boolean)(answer) : answer === expected;
    if (!right) throw new Error(`${name}: wrong answer ${JSON.stringify(answer)}`);
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
  console.log(`| ${name} | ${median.toFixed(1)} |`);
}

async function rate(name: string, each: number, writers: number, rounds: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let n = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (n < rounds) await work((n += 1));
    }),
  );
  console.log(`| ${name} | ${Math.round((n * each * 1_000) / (performance.now() - startedAt))}/s |`);
}

try {
  await rows.createIndex({ org: 1, seq: 1 });
  await rows.createIndex({ key: 1 }, { unique: true });
  const all = Array.from({ length: DOCUMENTS }, (_, seq): Row => ({
    _id: `r${String(seq).padStart(6, '0')}`,
    org: 'one',
    seq,
    key: `k${seq}`,
    status: seq < 20 ? 'open' : 'done',
    rev: 0,
  }));
  for (let at = 0; at < all.length; at += 1_000) await rows.insertMany(all.slice(at, at + 1_000));
  const build = await db.admin().serverInfo();
  console.log(`${DOCUMENTS} documents, median of ${ROUNDS}; server says version ${String(build.version)}\n\n| query | ms |\n|---|---|`);
  const id = (n: number): string => `r${String(n).padStart(6, '0')}`;
  const ids = Array.from({ length: 20 }, (_, n) => id(n * 400));
  await measure(
    'one by `_id`',
    (row: Row | null) => row?.seq === 77,
    () => rows.findOne({ _id: id(77) }),
  );
  await measure(
    'one by a unique key',
    (row: Row | null) => row?.seq === 77,
    () => rows.findOne({ key: 'k77' }),
  );
  await measure('20 by `$in` on `_id`', 20, async () => (await rows.find({ _id: { $in: ids } }).toArray()).length);
  await measure(
    '20 by equality and a range with two ends',
    20,
    async () => (await rows.find({ org: 'one', seq: { $gte: 5_000, $lt: 5_020 } }).toArray()).length,
  );
  await measure(
    '20 by equality and an open range, `limit 20`',
    20,
    async () =>
      (
        await rows
          .find({ org: 'one', seq: { $gt: 5_000 } })
          .limit(20)
          .toArray()
      ).length,
  );
  await measure('20 newest of all, `sort` + `limit`', 20, async () => (await rows.find({ org: 'one' }).sort({ seq: -1 }).limit(20).toArray()).length);
  await measure('20 by a range on `_id`', 20, async () => (await rows.find({ _id: { $gte: id(5_000), $lt: id(5_020) } }).toArray()).length);
  await measure('2 by `$or` of two indexed equalities', 2, async () => (await rows.find({ $or: [{ key: 'k1' }, { key: 'k2' }] }).toArray()).length);
  await measure('`countDocuments` of 10,000', DOCUMENTS, async () => Number(await rows.countDocuments({ org: 'one' })));
  await measure(
    '`updateOne` by `_id` and `rev`',
    1,
    async (round) => (await rows.updateOne({ _id: id(9), rev: round }, { $set: { rev: round + 1 } })).modifiedCount,
  );
  await measure(
    '`findOneAndUpdate` by `_id` and `rev`',
    (row: Row | null) => row !== null,
    (round) => rows.findOneAndUpdate({ _id: id(8), rev: round }, { $set: { rev: round + 1 } }),
  );
  await measure('`insertOne`, refused by a unique key', 11000, () =>
    rows.insertOne({ ...(all[0] as Row), _id: 'other' }).then(
      () => 0,
      (error: { code?: number }) => error.code ?? 0,
    ),
  );
  console.log('\n| writes | documents |\n|---|---|');
  const plain = db.collection<{ _id: number; n?: number }>('plain');
  await rate('`insertOne`, one writer', 1, 1, 300, (n) => plain.insertOne({ _id: n }));
  await rate('`insertOne`, 20 writers', 1, 20, 1_000, (n) => plain.insertOne({ _id: 10_000 + n }));
  await rate('`insertMany` of 500', 500, 1, 10, (n) => plain.insertMany(Array.from({ length: 500 }, (_, k) => ({ _id: 100_000 + n * 500 + k }))));
  await rate('`bulkWrite` of 500 upserts', 500, 1, 4, (n) =>
    plain.bulkWrite(
      Array.from({ length: 500 }, (_, k) => ({ updateOne: { filter: { _id: 900_000 + n * 500 + k }, update: { $set: { n } }, upsert: true } })),
      { ordered: false },
    ),
  );
  await rate('`updateOne`, 20 writers', 1, 20, 1_000, (n) => plain.updateOne({ _id: 10_000 + (n % 900) + 1 }, { $set: { n } }));
} finally {
  await db.dropDatabase();
  await client.close();
}
