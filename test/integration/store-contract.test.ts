import { expect } from 'chai';
import type { Model } from 'mongoose';
import { connectStore, isDuplicateKey } from '../../server/store/connect.ts';
import { openStore, type Store } from '../../server/store/index.ts';
import { NO_PARTS } from '../../server/domain/usage-splits.ts';
import { definition } from '../support/catalog-world.ts';
import { testMongo } from '../support/engines.ts';

/**
 * What the product asks of its database, on whichever engine is resolved. Every unique key and every conditional write of the
 * store is contended here by WRITERS at once: these, not locks, decide who won.
 */
const WRITERS = 50;

type Fields = Record<string, unknown>;
const together = <T>(work: (writer: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: WRITERS }, (_, writer) => work(writer)));
/** Above what a double can tell apart. */
const huge = (n: number): bigint => 2n ** 53n + BigInt(n);
const wins = (answers: readonly boolean[]): number => answers.filter(Boolean).length;

const NOTHING_HELD = { groups: 0, apis: 0, publications: 0, authorizations: 0, connections: 0, imports: 0, products: 0, parameters: 0 };
let counter = 0;
const fresh = (word: string): string => `${word}-${(counter += 1)}`;

describe('store contract', () => {
  let store: Store;
  let drop: () => Promise<void>;

  before(async () => {
    const database = await testMongo();
    drop = database.drop;
    store = await openStore(database.uri, { maxPoolSize: WRITERS });
  });
  after(async () => {
    await store.close();
    await drop();
  });

  /** `connection` holds every model too, by name; the parts hold theirs as lists. */
  const models = (): Model<Fields>[] =>
    Object.values(store).flatMap((part) =>
      typeof part === 'object' && part !== null && 'models' in part && Array.isArray(part.models) ? (part.models as unknown as Model<Fields>[]) : [],
    );
  const raw = (model: Model<Fields>) =>
    model.collection as unknown as { insertOne(doc: Fields): Promise<unknown>; countDocuments(filter: Fields): Promise<number | bigint> };
  const modelNamed = (name: string): Model<Fields> => {
    const found = models().find(({ modelName }) => modelName === name);
    if (!found) throw new Error(`no model ${name}`);
    return found;
  };

  describe('unique keys', () => {
    const uniques = (model: Model<Fields>) => model.schema.indexes().filter(([, options]) => options.unique === true);

    /** The least document that an index covers: its fields hold `value`, its partial filter is met, every other unique field is its own. */
    function documentFor(model: Model<Fields>, [keys, options]: ReturnType<typeof uniques>[number], value: string): Fields {
      const document: Fields = { _id: fresh('doc') };
      for (const [others] of uniques(model)) for (const field of Object.keys(others)) document[field] = fresh('other');
      for (const field of Object.keys(keys)) document[field] = value;
      for (const [field, condition] of Object.entries((options.partialFilterExpression ?? {}) as Fields)) {
        // `{$type: 'string'}` is met by the value itself.
        if (typeof condition !== 'object') document[field] = condition;
        else if (condition !== null && '$gte' in condition) document[field] = condition.$gte;
      }
      return document;
    }

    it('are there to be contended', () => expect(models().flatMap(uniques).length).to.be.at.least(15));

    it(`admit one of ${WRITERS} writers, and tell the others which key was taken`, async () => {
      for (const model of models()) {
        for (const index of uniques(model)) {
          const what = `${model.modelName} ${JSON.stringify(index[0])}`;
          const value = fresh('key');
          const keyPatterns: unknown[] = [];
          const answers = await together(async () => {
            try {
              await raw(model).insertOne(documentFor(model, index, value));
              return true;
            } catch (error) {
              if (!isDuplicateKey(error)) throw error;
              keyPatterns.push((error as { keyPattern?: unknown }).keyPattern);
              return false;
            }
          });
          expect(wins(answers), what).to.equal(1);
          for (const keyPattern of keyPatterns) expect(keyPattern, what).to.deep.equal(index[0]);
        }
      }
    });

    it('are partial where they say so: outside their filter the same key repeats', async () => {
      for (const model of models()) {
        for (const index of uniques(model)) {
          const filter = Object.entries((index[1].partialFilterExpression ?? {}) as Fields).find(([, condition]) => typeof condition === 'boolean');
          if (!filter) continue;
          const value = fresh('key');
          const answers = await together(async () => {
            await raw(model).insertOne({ ...documentFor(model, index, value), [filter[0]]: !filter[1] });
            return true;
          });
          expect(wins(answers), `${model.modelName} ${JSON.stringify(index[0])}`).to.equal(WRITERS);
        }
      }
    });

    it('hold for ids, singly and in unordered batches', async () => {
      const model = modelNamed('Setting');
      const answers = await together(() =>
        raw(model)
          .insertOne({ _id: 'same' })
          .then(
            () => true,
            (error: unknown) => (isDuplicateKey(error) ? false : Promise.reject(error as Error)),
          ),
      );
      expect(wins(answers)).to.equal(1);
      const ids = Array.from({ length: 200 }, (_, index) => `batch-${index}`);
      await together(() =>
        model
          .insertMany(
            ids.map((_id) => ({ _id, value: 1 })),
            { ordered: false },
          )
          .catch((error: unknown) => (isDuplicateKey(error) ? undefined : Promise.reject(error as Error))),
      );
      expect(await model.find({ _id: { $in: ids } }).lean()).to.have.length(200);
    });

    it('let an upsert by many make one document', async () => {
      await together((writer) => store.settings.raise('clock', writer));
      expect(await store.settings.get('clock')).to.equal(WRITERS - 1);
    });
  });

  describe('conditional writes', () => {
    const seed = async (model: string, fields: Fields): Promise<string> => {
      const id = fresh('seed');
      // Every unique field of its own, so that seeds do not meet each other.
      const own = Object.fromEntries(
        modelNamed(model)
          .schema.indexes()
          .filter(([, options]) => options.unique)
          .flatMap(([keys]) => Object.keys(keys))
          .map((field) => [field, fresh('own')]),
      );
      await raw(modelNamed(model)).insertOne({ ...own, _id: id, ...fields });
      return id;
    };

    /** One line, one verb of the store that answers whether it was the one: how a document begins, and the contended call. */
    const VERBS: Readonly<Record<string, readonly [model: string, start: Fields, act: (id: string, writer: number) => Promise<boolean>]>> = {
      'access.removeGroup': ['UserGroup', { rev: 2 }, (id) => store.access.removeGroup(id, 2)],
      'access.removePolicy': ['Policy', { rev: 2 }, (id) => store.access.removePolicy(id, 2)],
      'access.updateGroup': [
        'UserGroup',
        { rev: 2 },
        (id, writer) => store.access.updateGroup(id, 2, { name: id, nameKey: id, description: `writer ${writer}`, policies: [] }),
      ],
      'access.updatePolicy': [
        'Policy',
        { rev: 2 },
        (id, writer) => store.access.updatePolicy(id, 2, { name: id, nameKey: id, description: `writer ${writer}`, text: '{}' }),
      ],
      'accounts.acceptStep': [
        'User',
        { secondFactor: { cipher: 'c', confirmedAt: 1, lastStep: 6, recovery: [] } },
        (id) => store.accounts.acceptStep(id, 'c', 7),
      ],
      'accounts.beginSecondFactor': [
        'User',
        {},
        (id, writer) => store.accounts.beginSecondFactor(id, null, { cipher: `c${writer}`, confirmedAt: null, lastStep: 0, recovery: [] }),
      ],
      'accounts.confirmSecondFactor': [
        'User',
        { secondFactor: { cipher: 'c', confirmedAt: null, lastStep: 0, recovery: [] } },
        (id, writer) => store.accounts.confirmSecondFactor(id, { cipher: 'c', confirmedAt: writer + 1, lastStep: 7, recovery: [] }),
      ],
      'accounts.liftAddresses': [
        'Organization',
        { rev: 0, rules: { rev: 1, twoFactor: false, addresses: ['10.0.0.1'], keyAgeDaysMax: null, signInHoursMax: null } },
        (id) => store.accounts.liftAddresses(id, 1),
      ],
      'accounts.removeSecondFactor': [
        'User',
        { passwordHash: 'old', secondFactor: { cipher: 'c', confirmedAt: 1, lastStep: 0, recovery: [] } },
        (id) =>
          store.accounts.removeSecondFactor({ _id: id, passwordHash: 'old', secondFactor: { cipher: 'c', confirmedAt: 1, lastStep: 0, recovery: [] } }, 'salt'),
      ],
      'accounts.removeToken': ['Token', { usedAt: null }, (id) => store.accounts.removeToken(id)],
      'accounts.replacePassword': ['User', { passwordHash: 'old' }, (id, writer) => store.accounts.replacePassword(id, 'old', `new ${writer}`)],
      'accounts.replaceRights': ['Membership', { rev: 3 }, (id) => store.accounts.replaceRights(id, 3, { policies: [], groups: [] })],
      'accounts.replaceSessionSalt': ['User', {}, (id, writer) => store.accounts.replaceSessionSalt(id, null, `salt ${writer}`)],
      'accounts.resealFactor': [
        'User',
        { secondFactor: { cipher: 'c', confirmedAt: 1, lastStep: 0, recovery: [] } },
        (id, writer) => store.accounts.resealFactor(id, 'c', { cipher: `c ${writer}`, mark: 'mark' }),
      ],
      'accounts.setStripeCustomer': ['Organization', { rev: 0, stripeCustomerId: null }, (id, writer) => store.accounts.setStripeCustomer(id, `cus_${writer}`)],
      'accounts.setRules': [
        'Organization',
        { rev: 0 },
        (id, writer) => store.accounts.setRules(id, null, { rev: 1, twoFactor: false, addresses: [], keyAgeDaysMax: writer, signInHoursMax: null }),
      ],
      'accounts.updateOrganization': [
        'Organization',
        { rev: 7, name: 'before' },
        (id, writer) => store.accounts.updateOrganization(id, 7, { name: `writer ${writer}` }),
      ],
      'accounts.useRecoveryCode': [
        'User',
        { secondFactor: { cipher: 'c', confirmedAt: 1, lastStep: 0, recovery: ['a', 'b'] } },
        (id) => store.accounts.useRecoveryCode(id, 'c', 'a'),
      ],
      'accounts.useToken': ['Token', { usedAt: null }, (id, writer) => store.accounts.useToken(id, writer + 1)],
      'accounts.verifyUser': ['User', { verifiedAt: null }, (id, writer) => store.accounts.verifyUser(id, writer + 1)],
      'apis.removeApi': ['Api', { rev: 3, serving: {} }, (id) => store.apis.removeApi(id, 3, {})],
      'apis.updateApi': ['Api', { rev: 3 }, async (id) => (await store.apis.updateApi(id, 3, definition(`/${id}`), 1)) === 'done'],
      'accessKeys.reseal': ['AccessKey', { secretCipher: 'c' }, (id, writer) => store.accessKeys.reseal(id, 'c', `c ${writer}`)],
      'accessKeys.revoke': ['AccessKey', { revokedAt: null, live: true }, (id, writer) => store.accessKeys.revoke(id, writer + 1)],
      'apps.resealCredential': ['Credential', { secretCipher: 'c' }, (id, writer) => store.apps.resealCredential(id, 'c', `c ${writer}`)],
      'apps.revokeCredential': ['Credential', { revokedAt: null }, (id, writer) => store.apps.revokeCredential(id, writer + 1)],
      'apps.deleteApp': ['App', { rev: 1, deletedAt: null }, (id, writer) => store.apps.deleteApp(id, 1, writer + 1)],
      'apps.setAuthorizationLive': ['Authorization', { live: false }, (id) => store.apps.setAuthorizationLive(id, true, null)],
      'apps.setBindingLive': ['Binding', { live: false }, (id) => store.apps.setBindingLive(id, true)],
      'apps.updateApp': ['App', { rev: 1, name: 'before' }, (id, writer) => store.apps.updateApp(id, 1, { name: `writer ${writer}` })],
      'endpoints.accept': [
        'EndpointConnection',
        { status: 'requested', holds: false },
        async (id, writer) => (await store.endpoints.accept(id, `${id}:1`, { at: 1, by: `writer ${writer}`, mark: '' })) === 'accepted',
      ],
      'endpoints.disconnect': [
        'EndpointConnection',
        { status: 'accepted', holds: true, live: true },
        (id, writer) => store.endpoints.disconnect(id, { status: 'disconnected', at: 1, by: `writer ${writer}`, reason: '', mark: '' }),
      ],
      'endpoints.refuse': [
        'EndpointConnection',
        { status: 'requested', live: true },
        (id, writer) => store.endpoints.refuse(id, { status: 'rejected', at: 1, by: `writer ${writer}`, reason: '', mark: '' }),
      ],
      'endpoints.updateService': ['EndpointService', { rev: 1 }, (id) => store.endpoints.updateService(id, 1, { on: true, automatic: false, whitelist: [] })],
      'gateways.confirmDeletion': ['Gateway', { deleting: true, confirmed: false }, (id) => store.gateways.confirmDeletion(id)],
      'gateways.endDeletion': ['Gateway', { confirmed: true, gone: false }, (id, writer) => store.gateways.endDeletion(id, writer + 1)],
      'gateways.markDeletion': ['Gateway', { rev: 1 }, (id, writer) => store.gateways.markDeletion(id, 1, { at: writer, by: '', held: NOTHING_HELD })],
      'gateways.removeGroup': ['Group', { rev: 1 }, (id) => store.gateways.removeGroup(id)],
      'gateways.resealSecret': [
        'Gateway',
        { secrets: { sec_1: { sealed: 'c' } } },
        (id, writer) => store.gateways.resealSecret(id, 'sec_1', 'c', `c ${writer}`),
      ],
      'gateways.reserveGroup': ['Group', { gone: false }, (id) => store.gateways.reserveGroup(id)],
      'gateways.setPrivateOnly': ['Gateway', { privateOnly: false }, (id) => store.gateways.setPrivateOnly(id, true)],
      'gateways.setMaintenance': ['Gateway', { maintenance: false }, (id) => store.gateways.setMaintenance(id, true)],
      'gateways.unmarkDeletion': ['Gateway', { deleting: true, confirmed: false }, (id) => store.gateways.unmarkDeletion(id)],
      'gateways.updateGateway': ['Gateway', { rev: 1 }, (id, writer) => store.gateways.updateGateway(id, 1, { name: `writer ${writer}` })],
      'gateways.updateGroup': ['Group', { rev: 1 }, (id, writer) => store.gateways.updateGroup(id, 1, { name: `writer ${writer}` })],
      'idempotency.finish': ['Claim', { owner: 'one', doneAt: null }, (id) => store.idempotency.finish(id, 'one', { doneAt: 1, body: '{}', place: null })],
      'idempotency.takeOver': ['Claim', { owner: 'one', doneAt: null }, (id, writer) => store.idempotency.takeOver(id, 'one', `writer ${writer}`, 1)],
      'inbox.close': ['Inbox', { open: true, status: 'received' }, (id, writer) => store.inbox.close(id, 'done', `writer ${writer}`, 1)],
      'inbox.revive': ['Inbox', { open: false, status: 'dead' }, (id) => store.inbox.revive(id)],
      'invoices.takeCarry': ['Invoice', { carryOpen: true }, (id, writer) => store.invoices.takeCarry(id, `inv_${writer}`)],
      'invoices.advance': ['Invoice', { step: 'paying', unsettled: true }, (id) => store.invoices.advance(id, 'paying', { step: 'settling' })],
      'invoices.number': ['Invoice', { step: 'numbering', numbered: false }, async (id, writer) => (await store.invoices.number(id, writer, {})) === 'moved'],
      'passkeys.remove': ['Passkey', { userId: 'usr_1' }, (id) => store.passkeys.remove(id, 'usr_1')],
      'passkeys.use': ['Passkey', { counter: 3 }, (id, writer) => store.passkeys.use(id, 4, { at: writer, synced: false })],
      'periods.beginClosing': ['Period', { status: 'open' }, (id, writer) => store.periods.beginClosing(id, { owner: `writer ${writer}`, until: 1, fence: 1 })],
      'periods.freeze': ['Period', { status: 'closing', lease: { owner: 'a', until: 1, fence: 3 } }, (id) => store.periods.freeze(id, 3, {}, 1)],
      'periods.markInvoiced': ['Period', { status: 'frozen' }, (id) => store.periods.markInvoiced(id)],
      'periods.takeOverClosing': [
        'Period',
        { status: 'closing', lease: { owner: 'a', until: 1, fence: 3 } },
        (id, writer) => store.periods.takeOverClosing(id, 3, { owner: `writer ${writer}`, until: 2, fence: 4 }),
      ],
      'products.endAnnouncement': ['PlanVersion', { standing: 'announced' }, (id) => store.products.endAnnouncement(id, 'in-force')],
      'products.moveProduct': ['Product', { rev: 2, status: 'submitted' }, (id) => store.products.moveProduct(id, 2, 'submitted', 'listed', {})],
      'products.removeProduct': ['Product', { rev: 2, status: 'draft' }, (id) => store.products.removeProduct(id, 2, 'draft')],
      'products.updatePlan': ['Plan', { rev: 2 }, (id) => store.products.updatePlan(id, 2, {})],
      'products.updateProduct': ['Product', { rev: 2 }, (id) => store.products.updateProduct(id, 2, {})],
      'sessions.end': ['Session', { ended: false }, (id, writer) => store.sessions.end(id, writer)],
      'signOn.confirmDomain': [
        'SignOnDomain',
        { confirmed: false },
        (id, writer) => store.signOn.confirmDomain(id, { userId: `writer ${writer}`, evidence: '', at: 1 }),
      ],
      'signOn.removeConnection': ['SignOnConnection', { rev: 1 }, (id) => store.signOn.removeConnection(id)],
      'signOn.removeDomain': ['SignOnDomain', { confirmed: false }, (id) => store.signOn.removeDomain(id)],
      'signOn.resealConnection': ['SignOnConnection', { cipher: 'c' }, (id, writer) => store.signOn.resealConnection(id, 'c', `c ${writer}`)],
      'signOn.updateConnection': ['SignOnConnection', { rev: 1 }, (id, writer) => store.signOn.updateConnection(id, 1, { clientId: `writer ${writer}` })],
      'signOn.withdrawConfirmation': ['SignOnDomain', { confirmed: true }, (id) => store.signOn.withdrawConfirmation(id)],
      'subscriptions.settle': ['Subscription', { rev: 4, unsettled: true }, (id) => store.subscriptions.settle(id, 4)],
      'serviceAccounts.update': ['ServiceAccount', { rev: 1 }, (id, writer) => store.serviceAccounts.update(id, 1, { purpose: `writer ${writer}` })],
      'subscriptions.update': ['Subscription', { rev: 4, status: 'pending' }, (id) => store.subscriptions.update(id, 4, { status: 'active' })],
      'usage.advanceBoot': ['UsageBoot', { through: 4, recent: [4] }, (id) => store.usage.advanceBoot(id, 4, { through: 5, recent: [4, 5] })],
      'usage.advanceSplit': ['UsageBoot', { split: 4 }, (id) => store.usage.advanceSplit(id, 4, 5)],
      'usage.closeBoot': ['UsageBoot', { ended: true, open: true }, (id) => store.usage.closeBoot(id)],
      'usage.closeSplit': ['UsageBoot', { ended: true, open: false, splitOpen: true }, (id) => store.usage.closeSplit(id)],
      'usage.retire': ['Watermark', { retired: false }, (id, writer) => store.usage.retire(id, `writer ${writer}`)],
      'usageSplits.add': ['UsageSplit', { rev: 3, by: {}, counted: {} }, (id) => store.usageSplits.add(id, NO_PARTS, { boot: 'gw1-1', number: 1 }, 3)],
      'usageSplits.correct': ['UsageSplit', { rev: 3, by: {}, counted: {} }, (id) => store.usageSplits.correct(id, 3, { by: NO_PARTS }, {})],
      'usageTotals.correct': ['UsageTotal', { rev: 3, hours: {}, counted: {} }, (id) => store.usageTotals.correct(id, 3, { hours: {}, counted: {} })],
      'versionNotices.drop': ['VersionNotice', { due: true, tries: 0 }, (id) => store.versionNotices.drop(id)],
      'versionNotices.take': ['VersionNotice', { due: true, nextAt: 1, tries: 0 }, (id) => store.versionNotices.take({ _id: id, nextAt: 1, tries: 0 }, 2)],
    };

    /** They answer whether something was there, or is still as it was read, and not who was first. */
    const REPEATABLE = new Set(['accounts.removeMembership', 'apis.resealApi', 'apis.resealPublication']);

    for (const [name, [model, start, act]] of Object.entries(VERBS)) {
      it(`${name}: one of ${WRITERS} writers is told that it was the one`, async () => {
        const id = await seed(model, start);
        expect(wins(await together((writer) => act(id, writer)))).to.equal(1);
        expect(await act(id, WRITERS), 'the same write meets no document again').to.equal(false);
      });
    }

    it(`give a private address to one of ${WRITERS} connections that are accepted at once, and again when it is free`, async () => {
      const ids = await together(() => seed('EndpointConnection', { status: 'requested', holds: false, live: true }));
      const accepting = (list: readonly string[]) =>
        Promise.all(list.map((id) => store.endpoints.accept(id, '10.0.0.5:9000', { at: 1, by: 'usr_1', mark: '' })));
      const first = await accepting(ids);
      expect([wins(first.map((answer) => answer === 'accepted')), wins(first.map((answer) => answer === 'taken'))]).to.deep.equal([1, WRITERS - 1]);
      const holder = ids[first.indexOf('accepted')] ?? '';
      expect((await store.endpoints.accepted()).filter(({ address }) => address === '10.0.0.5:9000').map(({ _id }) => _id)).to.deep.equal([holder]);
      await store.endpoints.disconnect(holder, { status: 'disconnected', at: 2, by: 'usr_1', reason: '', mark: '' });
      expect(wins((await accepting(ids.filter((id) => id !== holder))).map((answer) => answer === 'accepted'))).to.equal(1);
    });

    it('are all here: a new one gets its line above', () => {
      const verbs = Object.entries(store).flatMap(([part, verbsOfPart]) =>
        typeof verbsOfPart === 'object' && verbsOfPart !== null && 'models' in verbsOfPart && Array.isArray(verbsOfPart.models)
          ? Object.entries(verbsOfPart as Record<string, unknown>).flatMap(([name, verb]) =>
              typeof verb === 'function' && /(?:modified|deleted)Count\s*===\s*1/.test(String(verb)) ? [`${part}.${name}`] : [],
            )
          : [],
      );
      expect(verbs).to.include.members(['invoices.advance', 'accounts.useToken']); // the search itself works
      expect(verbs.filter((name) => !(name in VERBS) && !REPEATABLE.has(name))).to.deep.equal([]);
    });

    it('makes one session of many who store it at once, and none of one that was ended', async () => {
      const session = { userId: fresh('usr'), mark: '', passkeyId: '', openedAt: 1, agent: '', seenAt: 1, address: '', data: '{}', expiresAt: new Date(4e12) };
      const [id, ended] = [fresh('session'), fresh('session')];
      expect(wins(await together(() => store.sessions.put({ _id: id, ...session })))).to.equal(WRITERS);
      expect(await store.sessions.ofUser(session.userId)).to.have.length(1);
      await store.sessions.put({ _id: ended, ...session });
      const answers = await together((writer) => (writer === WRITERS / 2 ? store.sessions.end(ended, 1) : store.sessions.put({ _id: ended, ...session })));
      expect(answers[WRITERS / 2]).to.equal(true);
      expect(await store.sessions.put({ _id: ended, ...session })).to.equal(false);
      await store.sessions.see(ended, { seenAt: 2, address: '192.0.2.1', expiresAt: new Date(4e12) });
      expect(await store.sessions.session(ended)).to.equal(null);
      expect(await store.sessions.ofUser(session.userId)).to.have.length(1);
    });

    it('adds up what concurrent readers write back by revision', async () => {
      const id = await seed('Organization', { rev: 0, name: '0' });
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let done = false; !done;) {
            const { rev, name } = (await store.accounts.organization(id)) ?? { rev: -1, name: '' };
            done = await store.accounts.updateOrganization(id, rev, { name: String(Number(name) + 1) });
          }
        }),
      );
      expect(await store.accounts.organization(id)).to.include({ rev: 8, name: '8' });
    });
  });

  describe('exact amounts', () => {
    const huge = 2n ** 53n;

    it('keeps int64 to the last unit, where a double would round', async () => {
      const amounts = [huge + 1n, -(huge + 1n), 2n ** 63n - 1n, -(2n ** 63n)];
      for (const [index, amountMinor] of amounts.entries()) {
        await store.ledger.post({ _id: `exact-${index}`, currency: 'usd', at: 1, bookedAt: 1, entries: [{ account: 'exact', amountMinor }] });
      }
      const found = await store.ledger.many(amounts.map((_, index) => `exact-${index}`));
      expect(found.map(({ entries }) => entries[0]?.amountMinor)).to.have.members(amounts);
    });

    it('sums and increments int64 exactly above 2^53, by many writers', async () => {
      const connection = connectStore((await testMongo()).uri, { maxPoolSize: WRITERS });
      await connection.asPromise();
      const sums = connection.collection<{ _id: string; n: bigint }>('sums');
      await sums.insertOne({ _id: 'one', n: huge + 1n });
      await together(() => sums.updateOne({ _id: 'one' }, { $inc: { n: 3n } }));
      expect((await sums.findOne({ _id: 'one' }))?.n).to.equal(huge + 1n + 3n * BigInt(WRITERS));
      await sums.insertMany(Array.from({ length: 100 }, (_, index) => ({ _id: `part-${index}`, n: huge + BigInt(index) })));
      const [row] = await sums.aggregate<{ n: bigint }>([{ $match: { _id: { $ne: 'one' } } }, { $group: { _id: null, n: { $sum: '$n' } } }]).toArray();
      expect(row?.n).to.equal(100n * huge + 4_950n);
      await connection.dropDatabase();
      await connection.close();
    });
  });

  describe('usage totals', () => {
    const quantities = (units: bigint) => ({ billable: units, places: units, calls: units, billableCalls: units, failed: 0n, bytesIn: 0n, bytesOut: 0n });
    const totalOf = (sub: string, units: bigint) => ({ sub, window: '0.0', meter: 'requests', day: 86_400_000, hours: new Map([[13, quantities(units)]]) });
    const kept = async (sub: string) => (await store.usageTotals.ofWindow(sub, '0.0'))[0];

    it(`add a batch once, though ${WRITERS} writers bring it at once, to a total that is new and to one that stands`, async () => {
      const sub = fresh('sub');
      for (const number of [1, 2]) {
        await together(() => store.usageTotals.add([totalOf(sub, huge(number))], { boot: 'gw1-1', number }));
        await store.usageTotals.add([totalOf(sub, huge(number))], { boot: 'gw1-1', number });
      }
      expect((await kept(sub))?.hours['13']).to.include({ billable: huge(1) + huge(2), places: huge(1) + huge(2) });
      expect(await kept(sub)).to.deep.include({ counted: { 'gw1-1': 2 }, meter: 'requests', day: 86_400_000 });
    });

    it(`add the batches of ${WRITERS} boots that make one total at once, each once`, async () => {
      const subs = [fresh('sub'), fresh('sub')];
      await together((writer) =>
        store.usageTotals.add(
          subs.map((sub) => totalOf(sub, BigInt(writer + 1))),
          { boot: `gw${writer}-1`, number: 1 },
        ),
      );
      for (const sub of subs) expect((await kept(sub))?.hours['13']?.calls).to.equal(BigInt((WRITERS * (WRITERS + 1)) / 2));
    });

    it('take nothing of a batch whose mark they have passed', async () => {
      const sub = fresh('sub');
      await store.usageTotals.add([totalOf(sub, 5n)], { boot: 'gw1-1', number: 7 });
      await store.usageTotals.add([totalOf(sub, 9n)], { boot: 'gw1-1', number: 6 });
      expect(await kept(sub)).to.deep.include({ counted: { 'gw1-1': 7 } });
      expect((await kept(sub))?.hours['13']?.calls).to.equal(5n);
    });
  });

  it('registers a boot once, and refuses it a second batch of the same number', async () => {
    const batch = (id: string, number: number) => ({
      _id: id,
      node: 'gw9',
      boot: '1',
      number,
      entries: [],
      subs: [],
      windows: [],
      minTs: 1,
      maxTs: 1,
      storedAt: 1,
      sha256: 'x',
    });
    expect(wins(await together(() => store.usage.addBatch(batch('gw9.1.1.0', 1))))).to.equal(1);
    expect(await store.usage.addBatch(batch('other', 1))).to.equal(false);
    expect((await store.usage.openBoots()).filter(({ node }) => node === 'gw9')).to.have.length(1);
  });

  it('books a cause once, whoever comes first', async () => {
    const entries = [
      { account: 'a', amountMinor: 5n },
      { account: 'b', amountMinor: -5n },
    ];
    expect(wins(await together(() => store.ledger.post({ _id: 'inv.finalized.x', currency: 'usd', at: 1, bookedAt: 1, entries })))).to.equal(1);
  });

  it('takes a delivery of the payment service once', async () => {
    const event = {
      _id: 'stripe.evt_1',
      source: 'stripe',
      type: 'invoice.paid',
      objectId: 'in_1',
      occurredAt: 1,
      receivedAt: 1,
      raw: '{}',
      status: 'received' as const,
      open: true,
      attempts: 0,
      result: '',
      handledAt: null,
    };
    expect(wins(await together(() => store.inbox.accept(event)))).to.equal(1);
  });
});
