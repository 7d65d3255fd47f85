import { expect } from 'chai';
import { MongoClient } from 'mongodb';
import { testMongo } from '../support/engines.ts';

describe('the resolved engines', () => {
  it('give each test a database of its own, and take it back', async () => {
    const { uri, drop } = await testMongo();
    const client = await MongoClient.connect(uri, { useBigInt64: true });
    await client
      .db()
      .collection<{ _id: string; amountMinor: bigint }>('amounts')
      .insertOne({ _id: 'a', amountMinor: 2n ** 62n });
    expect((await client.db().collection('amounts').findOne())?.['amountMinor']).to.equal(2n ** 62n);
    await drop();
    expect(await client.db().collection('amounts').findOne()).to.equal(null);
    await client.close();
  });
});
