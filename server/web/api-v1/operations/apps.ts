import type { Services } from '../../../services/index.ts';
import type { CredentialView, Issued } from '../../../services/credentials.ts';
import { AppError } from '../../../kernel/errors.ts';
import { jsonTime, jsonTimeOrNull, operation, paged, PageQuery, type Input, type Operation } from '../operation.ts';
import { AppDetails, AppList, CredentialList, IssuedCredential, NewCredentialBody, RotationBody } from '../schemas.ts';

const DAY_MS = 86_400_000;

const credentialJson = (view: CredentialView) => ({
  id: view.id,
  kind: view.kind === 'code' ? 'app_code' : 'app_key',
  name: view.name,
  app_key: view.appKey,
  hint: view.hint,
  status: view.status,
  created_at: jsonTime(view.createdAt),
  ends_at: jsonTimeOrNull(view.notAfter),
  last_used_at: jsonTimeOrNull(view.lastUsedAt),
  replaced: view.replaced,
});

const issuedJson = (issued: Issued) => ({
  credential: credentialJson(issued.credential),
  ...(issued.kind === 'code' ? { app_code: issued.appCode } : { app_key: issued.appKey, app_secret: issued.appSecret }),
});

/** Apps and the credentials their programs call the gateway with. */
export function appOperations({ apps, clock, credentials }: Pick<Services, 'apps' | 'clock' | 'credentials'>): readonly Operation[] {
  /** The credential must be one of the app in the address. */
  async function credentialOf({ actor, part }: Pick<Input<unknown, unknown>, 'actor' | 'part'>): Promise<CredentialView> {
    await apps.get(actor, part('id'));
    const found = await credentials.get(actor, part('credential_id'));
    if (found.appId !== part('id')) throw new AppError('not-found');
    return found;
  }

  return [
    operation({
      method: 'get',
      path: '/apps',
      action: 'market:apps:get',
      id: 'listApps',
      summary: 'The organization’s apps, newest first.',
      query: PageQuery,
      answer: AppList,
      run: async ({ actor, query }) =>
        paged(
          'apps',
          await apps.list(actor),
          query,
          ({ app }) => [app.createdAt, app._id],
          ({ app, liveCredentials, bindings }) => ({
            id: app._id,
            name: app.name,
            description: app.description,
            created_at: jsonTime(app.createdAt),
            working_credentials: liveCredentials,
            subscription_ids: bindings.map(({ subscriptionId }) => subscriptionId),
          }),
        ),
    }),
    operation({
      method: 'get',
      path: '/apps/{id}',
      action: 'market:apps:get',
      id: 'getApp',
      summary: 'An app with the credentials that work, without their secrets.',
      answer: AppDetails,
      async run({ actor, part }) {
        const app = await apps.get(actor, part('id'));
        const [held, summaries] = await Promise.all([credentials.working(actor, app._id), apps.list(actor)]);
        return {
          id: app._id,
          name: app.name,
          description: app.description,
          created_at: jsonTime(app.createdAt),
          credentials: held.map(credentialJson),
          subscription_ids: summaries.find((one) => one.app._id === app._id)?.bindings.map(({ subscriptionId }) => subscriptionId) ?? [],
        };
      },
    }),
    operation({
      method: 'get',
      path: '/apps/{id}/credentials',
      action: 'market:apps:get',
      id: 'listCredentials',
      summary: 'The credentials of an app, ended ones too, newest first, without their secrets.',
      query: PageQuery,
      answer: CredentialList,
      async run({ actor, part, query }) {
        const appId = part('id');
        const found = paged(
          `credentials.${appId}`,
          await credentials.times(actor, appId),
          query,
          ({ at, id }) => [at, id],
          ({ id }) => id,
        );
        return { ...found, items: (await credentials.some(actor, appId, found.items)).map(credentialJson) };
      },
    }),
    operation({
      method: 'post',
      path: '/apps/{id}/credentials',
      action: 'market:credentials:create',
      id: 'createCredential',
      summary: 'A new AppCode, or a new AppKey with its AppSecret. It works when this answers; the secret is given this once.',
      body: NewCredentialBody,
      status: 201,
      answer: IssuedCredential,
      place: { path: '/apps/{id}/credentials/{made}', within: 'credential' },
      run: async ({ actor, part, body: { kind, name, life_days: lifeDays }, requestId }) =>
        issuedJson(
          await credentials.issue(actor, {
            ...(requestId !== undefined && { requestId }),
            appId: part('id'),
            kind: kind === 'app_code' ? 'code' : 'key',
            name,
            notAfter: lifeDays === null ? null : clock.now() + lifeDays * DAY_MS,
          }),
        ),
    }),
    operation({
      method: 'post',
      path: '/apps/{id}/credentials/{credential_id}/rotation',
      action: 'market:credentials:update',
      id: 'rotateCredential',
      summary: 'A new credential in place of this one, which works on for the overlap.',
      body: RotationBody,
      status: 201,
      answer: IssuedCredential,
      place: { path: '/apps/{id}/credentials/{made}', within: 'credential' },
      run: async (input) => issuedJson(await credentials.rotate(input.actor, (await credentialOf(input)).id, input.body.overlap, input.requestId)),
    }),
    operation({
      method: 'delete',
      path: '/apps/{id}/credentials/{credential_id}',
      action: 'market:credentials:delete',
      id: 'revokeCredential',
      summary: 'Every gateway refuses it within a second.',
      run: async (input) => void (await credentials.revoke(input.actor, (await credentialOf(input)).id)),
    }),
  ];
}
