import { Worker } from 'bullmq';
import { expect } from 'chai';
import { asConnection, queueClient, queuePrefix } from '../../../server/queue/connection.ts';
import { makeQueue } from '../../../server/queue/queue.ts';
import { settled, testQueue, type TestQueue } from '../../support/queue.ts';

describe('the queue', () => {
  let test: TestQueue;
  const stops: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    test = await testQueue();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await test.close();
  });

  const worker = async (run: (id: string) => Promise<void>) => {
    const client = queueClient(test.connection, { patient: true });
    await client.connect();
    const made = new Worker('collect-invoice', (job) => run(job.id ?? ''), { connection: asConnection(client), prefix: queuePrefix(test.connection) });
    stops.push(async () => {
      await made.close();
      if (client.isOpen) client.destroy();
    });
  };
  const counts = async () => (await test.queue.counts()).find(({ name }) => name === 'collect-invoice');

  it('takes one id once while it waits, and again when it is done', async () => {
    await test.queue.enqueue('collect-invoice', { invoiceId: 'inv_1' });
    await test.queue.enqueue('collect-invoice', { invoiceId: 'inv_1' });
    expect(await counts()).to.include({ waiting: 1 });
    const ran: string[] = [];
    await worker(async (id) => void ran.push(id));
    await settled(async () => (await counts())?.waiting === 0 && (await counts())?.active === 0);
    await test.queue.enqueue('collect-invoice', { invoiceId: 'inv_1' });
    await settled(async () => ran.length === 2);
    expect(ran).to.deep.equal(['inv_1', 'inv_1']);
  });

  it('a job that failed for good is named with its reason, does not block its id, and runs again when it is asked for', async () => {
    let broken = true;
    let runs = 0;
    await worker(async () => {
      runs += 1;
      // Final whatever the attempts say.
      if (broken) throw Object.assign(new Error('the store is away'), { name: 'UnrecoverableError' });
    });
    await test.queue.enqueue('collect-invoice', { invoiceId: 'inv_1' });
    await settled(async () => (await counts())?.failed === 1);
    expect(await test.queue.failures()).to.deep.equal([{ name: 'collect-invoice', id: 'inv_1', attempts: 1, reason: 'the store is away' }]);
    await test.queue.enqueue('collect-invoice', { invoiceId: 'inv_1' });
    await settled(async () => runs === 2 && (await counts())?.failed === 1);
    broken = false;
    expect(await test.queue.retryFailed('collect-invoice')).to.equal(1);
    await settled(async () => runs === 3 && (await counts())?.failed === 0);
    expect(await test.queue.retryFailed('no-such-job')).to.equal(0);
  });

  it('fails at once while Redis is away, so that nobody waits for it', async () => {
    const away = makeQueue({ url: 'redis://127.0.0.1:1', prefix: 'none:' });
    stops.push(() => away.close());
    expect(await away.enqueue('sweep', {}).catch((error: Error) => error.message)).to.equal('redis is away');
    expect(await away.counts().catch((error: Error) => error.message)).to.equal('redis is away');
  });
});
