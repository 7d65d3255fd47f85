import type { Actor } from '../../server/domain/actor.ts';
import type { Services } from '../../server/services/index.ts';
import type { Visitor } from './browserless.ts';
import { startBuyerPortal, type BuyerPortal } from './buyer-portal.ts';
import { definition } from './catalog-world.ts';
import { asToken, TOKEN_FIELDS } from './api-client.ts';
import { PASSWORD } from './portal.ts';

export interface ApiWorld {
  readonly portal: BuyerPortal;
  readonly services: Services;
  /** Of the organization that has one of everything. */
  readonly owner: Actor;
  readonly member: Visitor;
  /** Owner of another organization. */
  readonly stranger: Actor;
  /** A service account that may do everything. */
  readonly robotId: string;
  readonly appId: string;
  readonly gatewayId: string;
  readonly invoiceId: string;
  /** Another member of the owner's organization. */
  addMember(policies: string[]): Promise<Actor>;
  /** Ids for the parameters of an operation's address; new ones where it takes something away. */
  thingsFor(method: string, path: string): Promise<Readonly<Record<string, string>>>;
  /** A body that the operation accepts; undefined: it takes none. */
  bodyOf(operationId: string, things: Readonly<Record<string, string>>): Record<string, unknown> | undefined;
}

/** An organization that has one of everything the management API speaks of, and a stranger beside it. */
export async function apiWorld(): Promise<ApiWorld> {
  const portal = await startBuyerPortal();
  const { services, ids, store } = portal.composition;
  const member = await portal.member('Harbor');
  const other = await portal.member('Foreign');
  const owner = portal.actorOf(member.organizationId, member.userId);
  const page = await member.get('/apis/cities/subscribe?plan=free');
  const requestId = /name="requestId"[^>]*value="([^"]*)"/.exec(page.text)?.[1] ?? '';
  await member.post('/subscriptions', { planId: portal.listing.planIds.free, requestId, appId: 'new', appName: 'Map' });
  const [invoice] = await store.invoices.timesOf('organizationId', owner.organizationId, 0, Number.MAX_SAFE_INTEGER);
  const [app] = await services.apps.list(owner);
  const gateway = await services.catalog.gateways.create(owner, { name: 'Main', description: '' });
  const group = await services.catalog.groups.create(owner, gateway._id, { name: 'Maps', description: '', label: '' });
  const backend = { kind: 'mock', status: 200, headers: [], body: '{}' } as const;
  await services.catalog.apis.create(owner, gateway._id, group._id, definition('/maps', { backend }));
  const makeAccount = () => services.serviceAccounts.create(owner, { name: ids.next('sva'), purpose: '', policies: ['Administrator'], groups: [] });
  const robot = await makeAccount();
  const appId = app?.app._id ?? '';

  let spare = '';
  async function newKey(): Promise<string> {
    const { _id } = await makeAccount();
    return asToken(await services.accessKeys.createFor(owner, _id, TOKEN_FIELDS)).id;
  }
  async function ownKey(): Promise<string> {
    // The robot has few places: what the round before left is given back.
    if (spare !== '') await services.accessKeys.revoke(owner, spare, 'organization');
    spare = asToken(await services.accessKeys.createFor(owner, robot._id, TOKEN_FIELDS)).id;
    return spare;
  }

  return {
    portal,
    services,
    owner,
    member,
    stranger: portal.actorOf(other.organizationId, other.userId),
    robotId: robot._id,
    appId,
    gatewayId: gateway._id,
    invoiceId: invoice?._id ?? '',
    async addMember(policies) {
      const email = `${ids.next('usr')}@example.test`;
      const user = await services.accounts.registerMember({ email, password: PASSWORD, name: 'Colleague' }, owner.organizationId, policies);
      if (!user) throw new Error(`${email} is taken`);
      return { ...owner, userId: user._id, policies: ['Self', ...policies] };
    },
    async thingsFor(_method, path): Promise<Record<string, string>> {
      if (path.startsWith('/gateways/')) return { id: gateway._id };
      if (path.startsWith('/invoices/')) return { id: invoice?._id ?? '' };
      if (path.startsWith('/keys/')) return { id: await ownKey() };
      if (path.startsWith('/organization/keys/')) return { id: await newKey() };
      if (path.startsWith('/service-accounts/')) {
        const { _id, rev } = await makeAccount();
        return { id: _id, rev: String(rev) };
      }
      if (!path.includes('{credential_id}')) return { id: appId };
      const fresh = await services.apps.create(owner, { name: ids.next('app'), description: '' });
      const { credential } = await services.credentials.issue(owner, { appId: fresh._id, kind: 'code', name: '', notAfter: null });
      return { id: fresh._id, credential_id: credential.id };
    },
    bodyOf(operationId, things) {
      if (operationId.startsWith('rotate')) return { overlap: '1h' };
      const account = { name: ids.next('sva'), purpose: 'Deploys', policies: ['Developer'], groups: [] };
      const bodies: Record<string, Record<string, unknown>> = {
        createCredential: { kind: 'app_key', name: 'CI', life_days: 30 },
        createOwnKey: { kind: 'token', life_days: 1 },
        createServiceAccount: account,
        createServiceAccountKey: { kind: 'signature', name: 'CI', life_days: 90 },
        setServiceAccountState: { enabled: false },
        updateServiceAccount: { ...account, rev: Number(things['rev']) },
      };
      return bodies[operationId];
    },
  };
}
