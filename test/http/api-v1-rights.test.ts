import { expect } from 'chai';
import type { Actor } from '../../server/domain/actor.ts';
import { isReading } from '../../server/domain/actions.ts';
import type { Operation } from '../../server/web/api-v1/operation.ts';
import { apiV1Operations } from '../../server/web/api-v1/router.ts';
import { asToken, bearerClient, TOKEN_FIELDS, tokenOf, type ApiAnswer, type ApiClient } from '../support/api-client.ts';
import { apiWorld, type ApiWorld } from '../support/api-world.ts';
import { found } from '../support/found.ts';
import type { AccessKeyDoc } from '../../server/store/access-keys.ts';

/**
 * The matrix of the management API: every operation × keys of {a member without the right, a member or a service account with exactly it, the administrator of another
 * organization, nobody any more}.
 */
describe('every operation of the management API', function () {
  this.timeout(240_000);
  let world: ApiWorld;
  let operations: readonly Operation[];
  let holder: Actor;

  before(async () => {
    world = await apiWorld();
    operations = apiV1Operations(world.services);
    holder = await world.addMember([]);
  });
  after(() => world?.portal.stop());
  afterEach(() => world.portal.composition.store.accessKeys.revokeAllOf(world.owner.organizationId, holder.userId, 1));

  const origin = () => world.portal.origin;
  const clientOf = async (actor: Actor): Promise<ApiClient> => bearerClient(origin(), (await tokenOf(world.services, actor)).token);
  /** Everybody's own account and keys. */
  const ofEverybody = ({ action }: Operation) => /^market:(account|ownKeys):/.test(action);
  const records = () => world.portal.composition.store.audit.ofOrganization(world.owner.organizationId, 0, Number.MAX_SAFE_INTEGER);
  const logged = async () => (await records()).filter(({ outcome }) => outcome === 'done').length;

  async function ask(client: ApiClient, { id, method, path }: Operation, made?: Readonly<Record<string, string>>): Promise<ApiAnswer> {
    const named = made ?? (path.includes('{') ? await world.thingsFor(method, path) : {});
    const address = path.replace(/\{([a-z_]+)\}/g, (_, name: string) => encodeURIComponent(named[name] ?? 'none'));
    return client.send(method.toUpperCase(), address, world.bodyOf(id, named));
  }

  const failing = async (list: readonly Operation[], isRight: (one: Operation) => Promise<string | null>): Promise<string[]> => {
    const faults: string[] = [];
    for (const one of list) {
      const fault = await isRight(one);
      if (fault !== null) faults.push(`${one.method} ${one.path}: ${fault}`);
    }
    return faults;
  };

  it('is refused to the key of a member without the right, and changes nothing', async () => {
    const client = await clientOf(holder);
    const list = operations.filter((one) => !ofEverybody(one));
    const things = new Map(
      await Promise.all(list.map(async (one) => [one.id, one.path.includes('{') ? await world.thingsFor(one.method, one.path) : {}] as const)),
    );
    const before = await logged();
    const faults = await failing(list, async (one) => {
      const { status, json } = await ask(client, one, things.get(one.id));
      return status === 403 || (status === 404 && one.path.includes('{')) ? null : `${status} ${JSON.stringify(json)}`;
    });
    expect(faults).to.deep.equal([]);
    expect(list.length).to.be.greaterThan(20);
    expect(await logged()).to.equal(before);
    const refused = (await records()).filter(({ outcome, userId }) => outcome === 'refused' && userId === holder.userId);
    expect(refused.length, 'refusals that administrators see').to.be.greaterThan(0);
    expect(refused.every(({ kind, key }) => kind === 'key' && key?.startsWith('tgt_'))).to.equal(true);
  });

  it('is open to the key of a member, and of a service account, with exactly the action it names', async () => {
    const { access, accessKeys, serviceAccounts } = world.services;
    const { store, ids } = world.portal.composition;
    const group = await access.createGroup(world.owner, { name: 'Exactly', description: '', policies: [] });
    const robot = await serviceAccounts.create(world.owner, { name: 'Exact robot', purpose: '', policies: [], groups: [group._id] });
    const program = bearerClient(origin(), asToken(await accessKeys.createFor(world.owner, robot._id, TOKEN_FIELDS)).token);
    await store.accounts.setRights(world.owner.organizationId, holder.userId, { policies: [], groups: [group._id] });
    const person = await clientOf(holder);
    const faults = await failing(operations, async (one) => {
      const text = JSON.stringify({ Version: '1.1', Statement: [{ Effect: 'Allow', Action: [one.action, 'apig:groups:get', 'apig:instances:get'] }] });
      const policy = await access.createPolicy(world.owner, { name: ids.next('pol'), description: '', text });
      const { rev } = await access.group(world.owner, group._id);
      await access.updateGroup(world.owner, group._id, rev, { name: 'Exactly', description: '', policies: [policy._id] });
      const own = async (actor: Actor, id: string) => (one.path.startsWith('/keys/') ? { id: await ownKey(actor, id) } : undefined);
      const answers = [
        await ask(person, one, await own(holder, holder.userId)),
        await ask(program, one, await own({ ...world.owner, userId: robot._id }, robot._id)),
      ];
      return answers.every(({ status }) => status < 300) ? null : answers.map(({ status, text: said }) => `${status} ${said}`).join('; ');
    });
    expect(faults).to.deep.equal([]);
  });
  async function ownKey(actor: Actor, holderId: string): Promise<string> {
    const { store } = world.portal.composition;
    // A holder has few places: those of earlier rounds are given back, the one that is used stays.
    const [first, ...later] = (await found<AccessKeyDoc>(store, 'AccessKey', { holderId }))
      .filter(({ live }) => live)
      .sort((a, b) => a.createdAt - b.createdAt);
    expect(first, 'the key that is used').to.not.equal(undefined);
    for (const { _id } of later) await store.accessKeys.revoke(_id, 1);
    return asToken(await world.services.accessKeys.createOwn(actor, TOKEN_FIELDS)).id;
  }

  it('answers the key of another organization’s administrator as if what it names did not exist', async () => {
    const client = await clientOf(world.stranger);
    const before = await logged();
    const list = operations.filter(({ path }) => path.includes('{'));
    const things = new Map(await Promise.all(list.map(async (one) => [one.id, await world.thingsFor(one.method, one.path)] as const)));
    const after = await logged();
    expect(after).to.be.greaterThan(before);
    const faults = await failing(list, async (one) => {
      const named = things.get(one.id) ?? {};
      const madeUp = Object.fromEntries(Object.entries(named).map(([key, id]) => [key, key === 'rev' ? id : id.replace(/[0-9a-z]{4}$/, 'zzzz')]));
      const [foreign, none] = [await ask(client, one, named), await ask(client, one, madeUp)];
      const said = ({ json }: ApiAnswer) => JSON.stringify({ ...json, request_id: '' });
      return foreign.status === 404 && none.status === 404 && said(foreign) === said(none)
        ? null
        : `${foreign.status} ${foreign.text}; a made-up one: ${none.text}`;
    });
    expect(faults).to.deep.equal([]);
    expect(await logged()).to.equal(after);
    // Lists hold nothing of others.
    for (const one of operations.filter(({ path, action }) => !path.includes('{') && isReading(action) && !/\/(me|audit|keys|quotas|usage)$/.test(path)))
      expect((await ask(client, one)).json['items'], one.path).to.deep.equal([]);
    const quotas = operations.filter(({ path }) => path === '/organization/quotas');
    expect(quotas).to.have.length(1);
    for (const one of quotas) expect(((await ask(client, one)).json['items'] as { used: number }[]).map(({ used }) => used)).to.deep.equal([0, 0, 0, 0, 0, 0]);
  });

  it('is closed to keys that are revoked, expired, or of somebody who left', async () => {
    const { services, portal } = world;
    const { store, clock } = portal.composition;
    const leaver = await world.addMember(['Administrator']);
    const [revoked, expired, left] = [await tokenOf(services, leaver), await tokenOf(services, leaver), await tokenOf(services, leaver)];
    await services.accessKeys.revoke(leaver, revoked.id, 'own');
    await store.accessKeys.end(expired.id, clock.now());
    // Removed without its keys being revoked: membership alone decides.
    await store.accounts.removeMembership(leaver.organizationId, leaver.userId);
    for (const { token } of [revoked, expired, left]) {
      const client = bearerClient(origin(), token);
      const faults = await failing(operations, async (one) => {
        const { status } = await ask(client, one, {});
        return status === 401 ? null : String(status);
      });
      expect(faults).to.deep.equal([]);
    }
  });
});
