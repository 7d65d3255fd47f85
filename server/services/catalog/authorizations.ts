import type { Actor } from '../../domain/actor.ts';
import { AppError } from '../../kernel/errors.ts';
import type { AuthorizationDoc } from '../../store/apps.ts';
import { makeKeptLists, slice, type Slice } from '../kept-lists.ts';
import { RELEASE } from './gateways.ts';
import { faulty, ownApi, stillOpen, type CatalogDependencies } from './own.ts';

/** Grants on one page. */
export const AUTHORIZATIONS_PAGE_SIZE = 25;

/** A free grant, with the names a page shows. */
export interface AuthorizationRow {
  readonly authorization: AuthorizationDoc;
  readonly appName: string;
  readonly organizationName: string;
  /** `GET /countries/{code}` and the name of the API. */
  readonly apiName: string;
}

export interface Authorizations {
  /** Let an app, one's own or another organization's, call an API in RELEASE: counted and throttled, never billed. */
  grant(actor: Actor, apiId: string, appId: string): Promise<AuthorizationDoc>;
  revoke(actor: Actor, apiId: string, authorizationId: string): Promise<void>;
  /** The provider's side: who may call this API so, the oldest first. @param page  from 1 */
  ofApi(actor: Actor, apiId: string, page?: number): Promise<Slice<AuthorizationRow>>;
  /** The other side: what the actor's app was given. */
  ofApp(actor: Actor, appId: string, page?: number): Promise<Slice<AuthorizationRow>>;
}

export function makeAuthorizations({ store, clock, audit, changes }: CatalogDependencies): Authorizations {
  const { apps, gateways, accounts } = store;
  const lists = makeKeptLists({ settings: store.settings, clock });

  /** @param ownerId  the app or the API; @param load  reads what was given, whole */
  async function rows(ownerId: string, load: () => Promise<AuthorizationDoc[]>, page: number): Promise<Slice<AuthorizationRow>> {
    const all = await lists.read('authorizations', ownerId, async () =>
      (await load()).filter((authorization) => authorization.live).sort((a, b) => a.createdAt - b.createdAt || (a._id < b._id ? -1 : 1)),
    );
    const { rows: live, total } = slice(all, page, AUTHORIZATIONS_PAGE_SIZE);
    const [appDocs, organizations, apiDocs] = await Promise.all([
      apps.apps([...new Set(live.map(({ appId }) => appId))]),
      accounts.organizations([...new Set(live.map(({ organizationId }) => organizationId))]),
      store.apis.apis([...new Set(live.map(({ apiId }) => apiId))]),
    ]);
    const nameOf = (docs: readonly { _id: string; name: string }[], id: string) => docs.find(({ _id }) => _id === id)?.name ?? id;
    return {
      rows: live.map((authorization) => ({
        authorization,
        appName: nameOf(appDocs, authorization.appId),
        organizationName: nameOf(organizations, authorization.organizationId),
        apiName: apiDocs.find(({ _id }) => _id === authorization.apiId)?.definition.name ?? authorization.apiId,
      })),
      total,
    };
  }

  return {
    async grant(actor, apiId, appId) {
      const api = await ownApi(store, actor, apiId);
      if (!api.definition.security.startsWith('APP')) throw faulty({ appId: 'This API does not ask for an app: its security is not APP.' });
      const app = await apps.app(appId);
      if (!app || app.deletedAt !== null) throw faulty({ appId: 'There is no such app. Its owner finds the id on the app’s page.' });
      const environment = await gateways.environmentByName(api.gatewayId, RELEASE);
      if (!environment) throw new AppError('not-found');
      const authorization: AuthorizationDoc = {
        _id: `${appId}.${apiId}.${environment._id}`,
        appId,
        apiId,
        environmentId: environment._id,
        gatewayId: api.gatewayId,
        providerId: api.organizationId,
        organizationId: app.organizationId,
        live: true,
        createdAt: clock.now(),
        revokedAt: null,
      };
      if (!(await apps.addAuthorization(authorization)) && !(await apps.setAuthorizationLive(authorization._id, true, null))) return authorization;
      await stillOpen(store, api.gatewayId);
      await audit.append(actor, {
        action: 'apig:apis:grantAppAccess',
        resource: `gateway:${api.gatewayId}/group:${api.groupId}/api:${apiId}`,
        after: { appId, organizationId: app.organizationId, environment: RELEASE },
      });
      await changes.announce('catalogue-changed', { what: 'authorization', id: authorization._id });
      return authorization;
    },

    async revoke(actor, apiId, authorizationId) {
      const api = await ownApi(store, actor, apiId);
      const found = (await apps.authorizationsOfApi(apiId)).find(({ _id }) => _id === authorizationId);
      if (!found) throw new AppError('not-found');
      if (!(await apps.setAuthorizationLive(authorizationId, false, clock.now()))) return;
      await audit.append(actor, {
        action: 'apig:apis:relieveAppAccess',
        resource: `gateway:${api.gatewayId}/group:${api.groupId}/api:${apiId}`,
        before: { appId: found.appId, organizationId: found.organizationId },
      });
      await changes.announce('catalogue-changed', { what: 'authorization', id: authorizationId });
    },

    async ofApi(actor, apiId, page = 1) {
      await ownApi(store, actor, apiId);
      return rows(apiId, () => apps.authorizationsOfApi(apiId), page);
    },

    async ofApp(actor, appId, page = 1) {
      const app = await apps.app(appId);
      if (!app || (actor.kind !== 'system' && app.organizationId !== actor.organizationId)) throw new AppError('not-found');
      return rows(appId, () => apps.liveAuthorizationsOfApp(appId), page);
    },
  };
}
