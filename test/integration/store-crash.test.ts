import { expect } from 'chai';
import { NO_USAGE } from '../../server/domain/usage-totals.ts';
import { connectStore, insertOnce } from '../../server/store/connect.ts';
import { makeUsageTotalsStore } from '../../server/store/usage-totals.ts';
import { makeLossyWire, makeOwnMongo } from '../support/own-engine.ts';

interface Doc {
  readonly _id: string;
  readonly group?: string;
  state?: string;
  by?: string;
  n?: bigint;
}

const KILLS = 3;
const WRITERS = 18;

/** What a killed database may and may not forget. Run on a process of the test's own, of the kind the sandbox would choose. */
describe('a database that is killed', function () {
  this.timeout(120_000);
  let engine: Awaited<ReturnType<typeof makeOwnMongo>>;

  before(async () => {
    engine = await makeOwnMongo();
  });
  after(() => engine.close());

  it(`keeps every acknowledged write, ${KILLS} times under ${WRITERS} writers`, async () => {
    const connection = connectStore(engine.uri, { maxPoolSize: WRITERS });
    await connection.asPromise();
    const docs = connection.collection<Doc>('acknowledged');
    await docs.createIndex({ group: 1 });
    const acknowledged = new Map<string, string>();
    let serial = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      let stop = false;
      const writers = Array.from({ length: WRITERS }, async (_, writer) => {
        while (!stop) {
          const id = `${kill}-${(serial += 1)}`;
          try {
            if (writer % 3 === 0) {
              const batch = Array.from({ length: 20 }, (_unused, index) => ({ _id: `${id}-${index}`, group: 'batch', state: 'in' }));
              await docs.insertMany(batch, { ordered: false });
              for (const doc of batch) acknowledged.set(doc._id, 'in');
            } else {
              await docs.insertOne({ _id: id, group: 'single', state: 'in' });
              acknowledged.set(id, 'in');
              const { modifiedCount } = await docs.updateOne({ _id: id, state: 'in' }, { $set: { state: 'done' } });
              if (modifiedCount === 1) acknowledged.set(id, 'done');
            }
          } catch {
            return; // not acknowledged: nothing was promised
          }
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 700));
      const restarted = engine.killAndRestart();
      stop = true;
      await restarted;
      await Promise.all(writers);
    }
    const found = new Map<string, string>();
    // By the index, so that an entry missing from it would be noticed as well.
    for (const group of ['batch', 'single']) for await (const { _id, state } of docs.find({ group })) found.set(_id, state ?? '');
    const lost = [...acknowledged].filter(([id, state]) => found.get(id) !== state && !(state === 'in' && found.get(id) === 'done'));
    expect(lost).to.deep.equal([]);
    expect(acknowledged.size, 'the writers wrote').to.be.greaterThan(100);
    await connection.close();
  });

  for (const killed of [false, true]) {
    describe(killed ? 'after it did the work, before it answered' : 'whose answer is lost while it lives', () => {
      let wire: Awaited<ReturnType<typeof makeLossyWire>>;
      let connection: ReturnType<typeof connectStore>;
      const meanwhile = async () => {
        if (killed) await engine.killAndRestart();
      };

      before(async () => {
        wire = await makeLossyWire(engine.port);
        connection = connectStore(`mongodb://127.0.0.1:${wire.port}/lost_${killed}?directConnection=true`);
        await connection.asPromise();
        await connection.collection('docs').insertOne({ _id: 'exists' as never });
      });
      after(async () => {
        await connection.close();
        await wire.close();
      });

      /** The answer was lost: any answer or error will do, for the caller reads again and goes on from what it finds. */
      const indifferent = async (work: Promise<unknown>) => {
        const before = wire.losses();
        await work.catch(() => undefined);
        expect(wire.losses() - before, 'an answer was lost').to.equal(1);
      };

      it('an insert is there once, whatever the writer is told', async () => {
        const docs = connection.collection<Doc>('docs');
        wire.loseAnswerTo('insert-marker', meanwhile);
        await indifferent(insertOnce(() => docs.insertOne({ _id: 'insert-marker', by: 'me' })));
        expect(await docs.find({ _id: 'insert-marker' }).toArray()).to.deep.equal([{ _id: 'insert-marker', by: 'me' }]);
      });

      it('a compare-and-set is done once, and a read shows that it was ours', async () => {
        const docs = connection.collection<Doc>('docs');
        await docs.insertOne({ _id: 'turn', state: 'pending' });
        wire.loseAnswerTo('update-marker', meanwhile);
        await indifferent(docs.updateOne({ _id: 'turn', state: 'pending' }, { $set: { state: 'active', by: 'update-marker' } }));
        expect(await docs.findOne({ _id: 'turn' })).to.deep.equal({ _id: 'turn', state: 'active', by: 'update-marker' });
        expect((await docs.updateOne({ _id: 'turn', state: 'pending' }, { $set: { by: 'another' } })).modifiedCount).to.equal(0);
      });

      it('a batch is added to its total once, be it the first or a later one', async () => {
        const totals = makeUsageTotalsStore(connection);
        const total = { sub: 'total-marker', window: '0.0', meter: 'requests', day: 0, hours: new Map([[7, { ...NO_USAGE, billable: 5n }]]) };
        for (const number of [1, 2]) {
          wire.loseAnswerTo('total-marker', meanwhile);
          await indifferent(totals.add([total], { boot: 'gw1-1', number }));
          await totals.add([total], { boot: 'gw1-1', number });
          const [kept] = await totals.ofWindow('total-marker', '0.0');
          expect(kept).to.deep.include({ counted: { 'gw1-1': number }, hours: { 7: { billable: 5n * BigInt(number) } } });
        }
      });

      it('an upsert by id makes one document', async () => {
        const docs = connection.collection<Doc>('docs');
        wire.loseAnswerTo('upsert-marker', meanwhile);
        await indifferent(docs.updateOne({ _id: 'upsert-marker' }, { $set: { state: 'in' } }, { upsert: true }));
        expect(await docs.find({ _id: 'upsert-marker' }).toArray()).to.deep.equal([{ _id: 'upsert-marker', state: 'in' }]);
      });
    });
  }
});
