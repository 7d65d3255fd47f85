import { expect } from 'chai';
import { parsePlanDocument, type PlanDocument } from '../../../server/domain/plan.ts';
import type { Store } from '../../../server/store/index.ts';
import { BUYER, buyer, billingWorld, LATENESS_SECONDS, provider, STARTER, type BillingWorld } from '../../support/billing-world.ts';
import { CARDS, typeCard } from '../../support/stripe.ts';
import { refused } from '../../support/refused.ts';

const DAY_MS = 86_400_000;
const terms = (more: object): PlanDocument => {
  const reading = parsePlanDocument({ currency: 'usd', interval: 'month', ...more });
  if (reading.fault) throw new Error(`${reading.fault.path} ${reading.fault.message}`);
  return reading.document;
};
const perCall = (unit_amount_decimal: string, more = {}): PlanDocument =>
  terms({ meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal } }], ...more });
const WORDS = { title: 'Starter', summary: '' };

describe('versions announced for running subscriptions (rule N6)', function () {
  this.timeout(60_000);
  let world: BillingWorld;
  before(async () => {
    world = await billingWorld();
  });
  after(() => world.close());

  const publish = async (planId: string, document: PlanDocument, effectiveAt: number | null, plans = world.plans) => {
    const rev = (await world.store.products.plan(planId))?.rev ?? -1;
    return plans.update(provider, planId, rev, WORDS, document, effectiveAt);
  };
  const amounts = async (id: string, index: number) => (await world.invoice(id, index)).lines.map(({ amountMinor }) => amountMinor);
  const versionOf = async (id: string, index: number) =>
    (await world.store.periods.get(id, index))?.windows.map(({ planVersionId }) => planVersionId.split('_').at(-1));
  const about = (path: string) => world.mails.sent.filter((mail) => mail.path === path);
  const recorded = (id: string) => world.store.connection.collection<{ _id: string }>('audit').findOne({ _id: id });
  /** The end of one subscription's period alone. */
  async function end(id: string, index: number): Promise<void> {
    world.travel((await world.boundary(id, index + 1)) + LATENESS_SECONDS * 1000);
    await world.subscriptions.atBoundary(id, index + 1);
    await world.invoicing.issuePeriod(id, index);
  }
  const begun = async (document: object = STARTER) => {
    const { planId, productId } = await world.plan(document);
    const id = await world.subscribe(planId);
    return { planId, productId, id, path: `/subscriptions/${id}`, first: await world.boundary(id, 1), second: await world.boundary(id, 2).catch(() => 0) };
  };

  it('holds to the unit: from "0.55" to "0.85", 7,454 calls in a period that began before cost 4100, 2,222 in the next 1889', async () => {
    const { planId, id, path, first } = await begun(perCall('0.55'));
    world.travel(first - DAY_MS);
    // For an instant behind the next boundary, at which the old terms therefore still hold.
    const version = await publish(planId, perCall('0.85'), first + 29 * DAY_MS);
    expect(version).to.include({ standing: 'announced', n: 2 });
    await world.planAnnouncements.carryOn();
    world.usage.record(id, 0, 7454);
    await end(id, 0);
    expect(await amounts(id, 1)).to.deep.equal([4100n]);
    world.usage.record(id, 1, 7454);
    await end(id, 1);
    expect(await amounts(id, 2), 'a period that began before the instant keeps its version').to.deep.equal([4100n]);
    world.usage.record(id, 2, 2222);
    await end(id, 2);
    expect(await amounts(id, 3)).to.deep.equal([1889n]);
    expect([await versionOf(id, 1), await versionOf(id, 2)]).to.deep.equal([['v1'], ['v2']]);
    expect(about(path).map(({ to }) => to)).to.deep.equal([`${BUYER}@demo.test`, `second.${BUYER}@demo.test`]);
    expect(about(path)[0]?.lines.join(' ')).to.include('USD 5.50 per 1,000 calls').and.include('USD 8.50 per 1,000 calls').and.include('cancel before');
    const version2 = await world.store.products.planVersion(version._id);
    expect(version2).to.include({ standing: 'in-force', unsettled: false });
    expect(await world.store.subscriptions.get(id)).to.include({ planVersionId: `${planId}_v2`, pendingPlanVersionId: null });
  });

  it('refuses a day less than 30 days ahead where anything gets dearer, beside the field and before anything is saved; a cheaper one may come sooner', async () => {
    const { planId, id, first } = await begun();
    const now = world.clock.now();
    const dearer = terms({ ...STARTER, base_amount: 1001 });
    const { fields } = await refused('invalid-form', publish(planId, dearer, now + 30 * DAY_MS - 1000));
    expect(fields['effectiveAt']).to.include('30 days ahead').and.include('The fee rises from USD 10.00 to USD 10.01.');
    expect(await world.store.products.planVersionsBetween(planId, 1, 99)).to.have.length(1);
    const { weighing } = await world.plans.ahead(provider, planId, dearer);
    const earliestAt = weighing?.earliestAt ?? 0;
    expect([earliestAt % DAY_MS, earliestAt >= now + 30 * DAY_MS, earliestAt < now + 31 * DAY_MS]).to.deep.equal([0, true, true]);
    await refused('invalid-form', publish(planId, terms({ ...STARTER, base_amount: 1 }), now));
    await refused('invalid-form', publish(planId, terms({ ...STARTER, currency: 'eur' }), now + 40 * DAY_MS));
    await refused('invalid-form', publish(planId, terms({ ...STARTER, interval: 'year' }), now + 40 * DAY_MS));
    await publish(planId, terms({ ...STARTER, base_amount: 900 }), first);
    await world.planAnnouncements.carryOn();
    expect(await versionOf(id, 1), 'an instant on the boundary counts').to.deep.equal(['v2']);
    // What is announced will be held by then: going back up from it is dearer again.
    const back = await refused('invalid-form', publish(planId, terms(STARTER), world.clock.now() + 29 * DAY_MS));
    expect(back.fields['effectiveAt']).to.include('The fee rises');
    await end(id, 0);
    expect(await amounts(id, 1)).to.deep.equal([900n, 0n]);
  });

  it('announces twice: the second supersedes the first where it counts earlier, else both come in turn', async () => {
    const { planId, id, path, first } = await begun();
    const at = (months: number) => first + months * 31 * DAY_MS;
    await publish(planId, terms({ ...STARTER, base_amount: 2000 }), at(3));
    await publish(planId, terms({ ...STARTER, base_amount: 3000 }), at(6));
    await world.planAnnouncements.carryOn();
    const changes = await world.subscriptions.changesOf(buyer, id);
    expect(changes.map(({ from, to }) => `${from.n}→${to.n}`)).to.deep.equal(['1→2', '2→3']);
    expect(new Set(about(path).map(({ subject }) => subject)).size).to.equal(2);
    expect(about(path)).to.have.length(4);
    await publish(planId, terms({ ...STARTER, base_amount: 1500 }), at(2));
    await world.planAnnouncements.carryOn();
    expect(
      (await world.subscriptions.changesOf(buyer, id)).map(({ from, to }) => `${from.n}→${to.n}`),
      'the newest wins',
    ).to.deep.equal(['1→4']);
    await world.plans.withdraw(provider, planId, `${planId}_v4`);
    await world.planAnnouncements.carryOn();
    await world.planAnnouncements.carryOn();
    expect((await world.subscriptions.changesOf(buyer, id)).map(({ from, to }) => `${from.n}→${to.n}`)).to.deep.equal(['1→2', '2→3']);
    expect(about(path), 'three announcements and one withdrawal to two readers, each once').to.have.length(8);
  });

  it('withdrawn before its instant nothing changes, whoever held it goes on, the offer is the version before, and afterwards it is too late', async () => {
    const { planId, id, path, first } = await begun();
    await publish(planId, terms({ ...STARTER, base_amount: 800 }), first);
    await world.planAnnouncements.carryOn();
    expect(await versionOf(id, 1)).to.deep.equal(['v2']);
    expect(await world.store.subscriptions.get(id)).to.include({ pendingPlanVersionId: `${planId}_v2` });
    await world.plans.withdraw(provider, planId, `${planId}_v2`);
    await world.plans.withdraw(provider, planId, `${planId}_v2`);
    await world.planAnnouncements.carryOn();
    await world.planAnnouncements.carryOn();
    expect(await versionOf(id, 1)).to.deep.equal(['v1']);
    expect(await world.store.subscriptions.get(id)).to.include({ pendingPlanVersionId: null });
    expect(await world.store.products.plan(planId)).to.include({ currentVersionId: `${planId}_v1`, versions: 2 });
    expect(about(path).map(({ subject }) => subject.includes('withdrawn'))).to.deep.equal([false, false, true, true]);
    const again = await publish(planId, terms({ ...STARTER, base_amount: 800 }), first);
    expect(again.n, 'a withdrawn version does not come back').to.equal(3);
    await world.planAnnouncements.carryOn();
    await end(id, 0);
    expect(await amounts(id, 1)).to.deep.equal([800n, 0n]);
    const late = await refused('conflict', world.plans.withdraw(provider, planId, `${planId}_v3`));
    expect(late.detail).to.include('in force');
    const audited = await recorded(`evt_withdrawn_${planId}_v2`);
    expect(audited).to.deep.include({ action: 'market:products:update', userId: 'usr_1', outcome: 'done' });
  });

  it('lets a withdrawal and a boundary decide between themselves once: whoever comes first', async () => {
    const { planId, id, first } = await begun();
    await publish(planId, terms({ ...STARTER, base_amount: 800 }), first);
    await world.planAnnouncements.carryOn();
    // The provider's process read the version before its day, and writes after the boundary was gone over.
    const late = world.process({
      store: (real) => ({
        ...real,
        products: {
          ...real.products,
          endAnnouncement: async (versionId: string, standing: 'in-force' | 'withdrawn') => {
            world.travel(first + 1000);
            await world.subscriptions.atBoundary(id, 1);
            return real.products.endAnnouncement(versionId, standing);
          },
        },
      }),
    });
    await refused('conflict', late.plans.withdraw(provider, planId, `${planId}_v2`));
    expect(await world.store.products.planVersion(`${planId}_v2`)).to.include({ standing: 'in-force' });
    expect(await versionOf(id, 1)).to.deep.equal(['v2']);
    // Nobody changes the version of a period that has begun.
    await world.store.periods.setVersion({ _id: `${id}_1`, startAt: first }, `${planId}_v1`);
    expect(await versionOf(id, 1)).to.deep.equal(['v2']);
  });

  it('of two writers at once one publishes, and the other is told', async () => {
    const { planId } = await begun();
    const at = world.clock.now() + 40 * DAY_MS;
    const rev = (await world.store.products.plan(planId))?.rev ?? 0;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? world : world.process()).plans.update(provider, planId, rev, WORDS, terms({ ...STARTER, base_amount: 2000 + index }), at),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1);
    expect(await world.store.products.planVersionsBetween(planId, 1, 99)).to.have.length(2);
    expect(await world.store.products.plan(planId)).to.include({ currentVersionId: `${planId}_v2`, versions: 2 });
    await Promise.all([world.planAnnouncements.carryOn(), world.process().planAnnouncements.carryOn()]);
    await world.planAnnouncements.carryOn();
    expect(await world.store.products.unsettledVersions()).to.deep.equal([]);
  });

  it('reaches those canceled, past due and suspended too; a canceled one ends without it, and takes it when the cancellation is undone', async () => {
    const [canceled, undone, late] = [await begun(), await begun(), await begun()];
    await world.subscriptions.cancel(buyer, canceled.id);
    await world.subscriptions.cancel(buyer, undone.id);
    await world.store.subscriptions.update(late.id, (await world.store.subscriptions.get(late.id))?.rev ?? 0, {
      status: 'past_due',
      entitledUntil: late.first,
    });
    for (const { planId, first } of [canceled, undone, late]) await publish(planId, terms({ ...STARTER, base_amount: 500 }), first);
    await world.planAnnouncements.carryOn();
    expect(await world.subscriptions.changesOf(buyer, canceled.id)).to.deep.equal([]);
    expect(about(canceled.path)[0]?.lines.join(' ')).to.include('You have canceled');
    await world.subscriptions.undoCancellation(buyer, undone.id);
    expect(await world.subscriptions.changesOf(buyer, undone.id)).to.have.length(1);
    expect(about(late.path)).to.have.length(2);
    for (const { id } of [late, canceled, undone]) await end(id, 0);
    expect(await world.store.subscriptions.get(canceled.id)).to.include({ status: 'canceled', planVersionId: `${canceled.planId}_v1` });
    expect(await amounts(canceled.id, 1)).to.deep.equal([0n]);
    expect(await amounts(undone.id, 1)).to.deep.equal([500n, 0n]);
    expect(await amounts(late.id, 1)).to.deep.equal([500n, 0n]);
  });

  it('is told to a purchase that was under way when it was announced', async () => {
    const { planId } = await world.plan();
    const { subscriptionId, checkoutUrl } = await world.subscriptions.begin(buyer, { planId, appId: 'app_1', requestId: crypto.randomUUID() });
    expect(checkoutUrl).to.be.a('string');
    await publish(planId, terms({ ...STARTER, base_amount: 5000 }), world.clock.now() + 45 * DAY_MS);
    await world.planAnnouncements.carryOn();
    expect(about(`/subscriptions/${subscriptionId}`)).to.deep.equal([]);
    await typeCard(checkoutUrl ?? '', CARDS.good);
    await world.subscriptions.refresh(buyer, subscriptionId);
    await world.planAnnouncements.carryOn();
    const paid = await world.store.subscriptions.get(subscriptionId);
    expect(paid).to.include({ status: 'active', planVersionId: `${planId}_v1` });
    expect(about(`/subscriptions/${subscriptionId}`)).to.have.length(2);
  });

  it('is finished by the next when the process is killed anywhere behind the deciding write; letters wait for the mail server, each goes once', async () => {
    const { planId, id, path, first } = await begun();
    const killed = (part: 'periods' | 'products' | 'subscriptions' | 'versionNotices', verb: string) =>
      world.process({
        store: (real) =>
          ({
            ...real,
            [part]: {
              ...real[part],
              [verb]: () => {
                throw new Error('killed');
              },
            },
          }) as unknown as Store,
      });
    const died = async (promise: Promise<unknown>) =>
      expect(
        await promise.then(
          () => 'answered',
          () => 'killed',
        ),
      ).to.equal('killed');
    await died(publish(planId, terms({ ...STARTER, base_amount: 700 }), first, killed('products', 'updatePlan').plans));
    expect(await world.store.products.plan(planId), 'decided, and not offered yet').to.include({ currentVersionId: `${planId}_v1` });
    world.mails.refused = true;
    for (const [part, verb] of [
      ['products', 'updatePlan'],
      ['periods', 'setVersion'],
      ['subscriptions', 'update'],
      ['versionNotices', 'add'],
      ['products', 'settleVersion'],
    ] as const)
      await died(killed(part, verb).planAnnouncements.carryOn());
    await world.planAnnouncements.carryOn();
    expect(about(path)).to.deep.equal([]);
    expect(await world.store.versionNotices.dueOfVersion(`${planId}_v2`)).to.have.length(1);
    world.mails.refused = false;
    await world.planAnnouncements.carryOn();
    expect(about(path), 'not before its next try').to.deep.equal([]);
    world.travel(world.clock.now() + 3_600_000);
    await killed('versionNotices', 'markSent').planAnnouncements.carryOn();
    expect(about(path), 'sent, and not noted').to.have.length(1);
    world.travel(world.clock.now() + 3_600_000);
    await Promise.all([world.planAnnouncements.carryOn(), world.process().planAnnouncements.carryOn()]);
    expect(about(path), 'one twice rather than never').to.have.length(3);
    await world.planAnnouncements.carryOn();
    expect(about(path)).to.have.length(3);
    expect(await world.store.products.plan(planId)).to.include({ currentVersionId: `${planId}_v2`, versions: 2 });
    expect(await recorded(`evt_published_${planId}_v2`)).to.include({ kind: 'system', organizationId: provider.organizationId });
    await end(id, 0);
    expect(await amounts(id, 1)).to.deep.equal([700n, 0n]);
  });

  it('holds at the boundary though nothing that follows the announcement was done before it', async () => {
    const { planId, id, first } = await begun();
    await publish(planId, terms({ ...STARTER, base_amount: 600 }), first);
    expect(await versionOf(id, 1)).to.deep.equal(['v1']);
    await end(id, 0);
    expect(await amounts(id, 1)).to.deep.equal([600n, 0n]);
    expect(await world.store.products.planVersion(`${planId}_v2`)).to.include({ standing: 'in-force' });
    await world.planAnnouncements.carryOn();
    expect(await world.store.products.unsettledVersions()).to.deep.equal([]);
  });

  it('looks missing to another provider, and a version of another plan or for new subscribers only cannot be withdrawn', async () => {
    const [mine, other] = [await begun(), await begun()];
    const at = world.clock.now() + 60 * DAY_MS;
    await publish(mine.planId, terms({ ...STARTER, base_amount: 400 }), at);
    await publish(other.planId, terms({ ...STARTER, base_amount: 400 }), null);
    await refused('not-found', world.plans.withdraw(buyer, mine.planId, `${mine.planId}_v2`));
    await refused('not-found', world.plans.ahead(buyer, mine.planId, terms(STARTER)));
    await refused('not-found', world.plans.update(buyer, mine.planId, 0, WORDS, terms(STARTER), at));
    await refused('not-found', world.plans.withdraw(provider, other.planId, `${mine.planId}_v2`));
    await refused('not-found', world.plans.withdraw(provider, other.planId, `${other.planId}_v2`));
    await refused('not-found', world.subscriptions.changesOf(provider, mine.id));
    expect(await world.subscriptions.changesOf(buyer, other.id), 'for new subscribers only').to.deep.equal([]);
    expect(about(other.path)).to.deep.equal([]);
  });
});
