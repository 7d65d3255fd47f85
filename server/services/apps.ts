import type { Actor } from '../domain/actor.ts';
import { idOfRequest } from '../domain/request-id.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Store } from '../store/index.ts';
import type { AppDoc, BindingDoc } from '../store/apps.ts';
import { noRoom } from './access-names.ts';
import type { Audit } from './audit.ts';
import type { Changes } from './changes.ts';
import { makeKeptLists } from './kept-lists.ts';

/** An organization may hold this many apps at a time. */
export const APPS_MAX = 200;

export interface AppFields {
  readonly name: string;
  readonly description: string;
}

export interface AppSummary {
  readonly app: AppDoc;
  /** Credentials that still work. */
  readonly liveCredentials: number;
  /** Of these, by kind. */
  readonly keys: number;
  readonly codes: number;
  readonly bindings: readonly BindingDoc[];
}

/** What deleting an app does, in numbers, for the page that asks. */
export interface RemovalEffect {
  readonly keys: number;
  readonly codes: number;
  readonly subscriptions: number;
  readonly authorizations: number;
}

export interface Apps {
  /** The oldest first, at most {@link APPS_MAX}: from memory. */
  list(actor: Actor): Promise<AppSummary[]>;
  /** @throws not-found when it is not the actor's, does not exist, or was deleted: the three look alike */
  get(actor: Actor, appId: string): Promise<AppDoc>;
  /** @param requestId  of the form: sent twice, it makes one app */
  create(actor: Actor, fields: AppFields, requestId?: string): Promise<AppDoc>;
  update(actor: Actor, appId: string, fields: AppFields): Promise<AppDoc>;
  removalEffect(actor: Actor, appId: string): Promise<RemovalEffect>;
  /** Its credentials stop within a second, its bindings and authorizations end; subscriptions live on without it. Deleting again does nothing. */
  remove(actor: Actor, appId: string): Promise<RemovalEffect>;
}

export interface AppsDependencies {
  readonly store: Pick<Store, 'apps' | 'settings'>;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
}

/** May this actor see and use the app? Every verb that takes an app's id asks here. */
export async function ownApp(store: Pick<Store, 'apps'>, actor: Actor, appId: string): Promise<AppDoc> {
  const app = await store.apps.app(appId);
  if (!app || app.deletedAt !== null || (actor.kind !== 'system' && app.organizationId !== actor.organizationId)) throw new AppError('not-found');
  return app;
}

export function makeApps({ store, audit, clock, ids, changes }: AppsDependencies): Apps {
  const lists = makeKeptLists({ settings: store.settings, clock });

  const effectOf = async (app: AppDoc): Promise<RemovalEffect> => {
    const [working, bindings, authorizations] = await Promise.all([
      store.apps.workingCredentialsOf(app._id, clock.now()),
      store.apps.liveBindingsOfApp(app._id),
      store.apps.liveAuthorizationsOfApp(app._id),
    ]);
    return {
      keys: working.filter(({ kind }) => kind === 'key').length,
      codes: working.filter(({ kind }) => kind === 'code').length,
      subscriptions: bindings.length,
      authorizations: authorizations.length,
    };
  };

  return {
    async list(actor) {
      const { organizationId } = actor;
      const [apps, credentials, bindings] = await Promise.all([
        lists.read('apps', organizationId, async () =>
          (await store.apps.appsOf(organizationId)).sort((a, b) => a.createdAt - b.createdAt || (a._id < b._id ? -1 : 1)),
        ),
        lists.read('credentials', organizationId, () => store.apps.standingCredentialsOf(organizationId)),
        lists.read('bindings', organizationId, () => store.apps.liveBindingsOfOrganization(organizationId)),
      ]);
      const now = clock.now();
      const [working, bound] = [new Map<string, { keys: number; codes: number }>(), new Map<string, BindingDoc[]>()];
      for (const { appId, kind, notAfter } of credentials) {
        if (notAfter !== null && notAfter <= now) continue;
        const known = working.get(appId) ?? { keys: 0, codes: 0 };
        known[kind === 'key' ? 'keys' : 'codes'] += 1;
        working.set(appId, known);
      }
      for (const binding of bindings) {
        const known = bound.get(binding.appId);
        if (known) known.push(binding);
        else bound.set(binding.appId, [binding]);
      }
      return apps.map((app) => {
        const { keys, codes } = working.get(app._id) ?? { keys: 0, codes: 0 };
        return { app, keys, codes, liveCredentials: keys + codes, bindings: bound.get(app._id) ?? [] };
      });
    },

    get: (actor, appId) => ownApp(store, actor, appId),

    async create(actor, { name, description }, requestId = ids.uuid()) {
      const now = clock.now();
      const app: AppDoc = {
        _id: idOfRequest('app', actor.organizationId, requestId),
        organizationId: actor.organizationId,
        name,
        description,
        createdAt: now,
        deletedAt: null,
        rev: 0,
      };
      const outcome = await store.apps.addApp(app, APPS_MAX);
      if (outcome === 'full') throw noRoom(`${APPS_MAX} apps`, 'Delete one that is no longer used.');
      if (outcome !== 'added') return ownApp(store, actor, app._id);
      await audit.append(actor, { action: 'market:apps:create', resource: `app:${app._id}`, after: { name, description } });
      return app;
    },

    async update(actor, appId, { name, description }) {
      const app = await ownApp(store, actor, appId);
      if (app.name === name && app.description === description) return app;
      if (!(await store.apps.updateApp(appId, app.rev, { name, description }))) throw new AppError('conflict');
      const { name: nameBefore, description: descriptionBefore } = app;
      await audit.append(actor, {
        action: 'market:apps:update',
        resource: `app:${appId}`,
        before: { name: nameBefore, description: descriptionBefore },
        after: { name, description },
      });
      return { ...app, name, description, rev: app.rev + 1 };
    },

    async removalEffect(actor, appId) {
      await ownApp(store, actor, appId);
      const [all, authorizations] = await Promise.all([
        this.list(actor),
        lists.read('authorizations', appId, async () => (await store.apps.liveAuthorizationsOfApp(appId)).map(({ _id }) => _id)),
      ]);
      const { keys = 0, codes = 0, bindings = [] } = all.find(({ app }) => app._id === appId) ?? {};
      return { keys, codes, subscriptions: bindings.length, authorizations: authorizations.length };
    },

    async remove(actor, appId) {
      const app = await ownApp(store, actor, appId);
      const effect = await effectOf(app);
      const now = clock.now();
      // Keys go first: were we stopped half-way, the app is still there to be deleted again, and nothing of it works.
      await store.apps.revokeAllOf(appId, now);
      await store.apps.releaseAllOf(appId, now);
      // Somebody who renamed it meanwhile does not keep it.
      if (!(await store.apps.deleteApp(appId, app.rev, now)) && (await store.apps.app(appId))?.deletedAt === null) throw new AppError('conflict');
      await audit.append(actor, { action: 'market:apps:delete', resource: `app:${appId}`, before: { name: app.name, ...effect } });
      await changes.announced(await changes.announce('catalogue-changed', { what: 'app', id: appId }));
      return effect;
    },
  };
}
