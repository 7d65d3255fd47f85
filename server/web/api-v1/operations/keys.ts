import type { AccessKeyView } from '../../../services/access-key-views.ts';
import type { IssuedKey } from '../../../services/access-keys.ts';
import type { Services } from '../../../services/index.ts';
import { jsonTime, jsonTimeOrNull, operation, paged, PageQuery, type Operation } from '../operation.ts';
import { AccessKeyList, IssuedAccessKey, NewKeyBody, RotationBody } from '../schemas.ts';

const keyJson = (key: AccessKeyView) => ({
  id: key.id,
  holder: { kind: key.holder.kind === 'user' ? 'user' : 'service_account', id: key.holder.id, name: key.holder.name },
  kind: key.kind,
  name: key.name,
  access_key: key.accessKey,
  hint: key.hint,
  status: key.state === 'too-old' ? 'too_old' : key.state,
  created_at: jsonTime(key.createdAt),
  age_days: key.ageDays,
  ends_at: jsonTimeOrNull(key.endsAt),
  last_used_at: jsonTimeOrNull(key.lastUsedAt),
  last_used_from: key.lastUsedFrom === '' ? null : key.lastUsedFrom,
  replaced: key.replaced,
});

const issuedJson = (issued: IssuedKey) => ({
  key: keyJson(issued.key),
  ...(issued.kind === 'token' ? { token: issued.token } : { access_key: issued.accessKey, secret_key: issued.secretKey }),
});

const position = ({ createdAt, id }: AccessKeyView) => [createdAt, id] as const;

/** Access keys: those of whom the caller acts as, those of service accounts, and all there are. */
export function keyOperations({ accessKeys }: Pick<Services, 'accessKeys'>): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/keys',
      action: 'market:ownKeys:get',
      id: 'listOwnKeys',
      summary: 'The access keys of whom this key acts as, newest first.',
      query: PageQuery,
      answer: AccessKeyList,
      run: async ({ actor, query }) => paged('keys', await accessKeys.own(actor), query, position, keyJson),
    }),
    operation({
      method: 'post',
      path: '/keys',
      action: 'market:ownKeys:create',
      id: 'createOwnKey',
      summary: 'A new access key for whom this key acts as. The secret is given this once.',
      body: NewKeyBody,
      status: 201,
      answer: IssuedAccessKey,
      place: { path: '/keys/{made}', within: 'key' },
      run: async ({ actor, body: { kind, name, life_days: lifeDays }, requestId }) =>
        issuedJson(await accessKeys.createOwn(actor, { kind, name, lifeDays, ...(requestId !== undefined && { requestId }) })),
    }),
    operation({
      method: 'post',
      path: '/keys/{id}/rotation',
      action: 'market:ownKeys:update',
      id: 'rotateOwnKey',
      summary: 'A new key of the same kind, name and life in place of this one, which works on for the overlap.',
      body: RotationBody,
      status: 201,
      answer: IssuedAccessKey,
      place: { path: '/keys/{made}', within: 'key' },
      run: async ({ actor, part, body, requestId }) => issuedJson(await accessKeys.rotate(actor, part('id'), 'own', body.overlap, requestId)),
    }),
    operation({
      method: 'delete',
      path: '/keys/{id}',
      action: 'market:ownKeys:delete',
      id: 'revokeOwnKey',
      summary: 'It is refused from the next request on; the key of this request too, if it is meant.',
      run: async ({ actor, part }) => void (await accessKeys.revoke(actor, part('id'), 'own')),
    }),
    operation({
      method: 'get',
      path: '/organization/keys',
      action: 'market:accessKeys:get',
      id: 'listKeys',
      summary: 'All access keys of the organization with their holders, newest first.',
      query: PageQuery,
      answer: AccessKeyList,
      run: async ({ actor, query }) => paged('organization-keys', await accessKeys.list(actor), query, position, keyJson),
    }),
    operation({
      method: 'post',
      path: '/organization/keys/{id}/rotation',
      action: 'market:accessKeys:update',
      id: 'rotateServiceAccountKey',
      summary: 'A new key in place of one of a service account, which works on for the overlap. A person’s keys are rotated by that person alone.',
      body: RotationBody,
      status: 201,
      answer: IssuedAccessKey,
      place: { path: '/organization/keys/{made}', within: 'key' },
      run: async ({ actor, part, body, requestId }) => issuedJson(await accessKeys.rotate(actor, part('id'), 'organization', body.overlap, requestId)),
    }),
    operation({
      method: 'delete',
      path: '/organization/keys/{id}',
      action: 'market:accessKeys:delete',
      id: 'revokeKey',
      summary: 'It is refused from the next request on.',
      run: async ({ actor, part }) => void (await accessKeys.revoke(actor, part('id'), 'organization')),
    }),
    operation({
      method: 'post',
      path: '/service-accounts/{id}/keys',
      action: 'market:accessKeys:create',
      id: 'createServiceAccountKey',
      summary: 'A new access key of a service account. The secret is given this once.',
      body: NewKeyBody,
      status: 201,
      answer: IssuedAccessKey,
      place: { path: '/organization/keys/{made}', within: 'key' },
      run: async ({ actor, part, body: { kind, name, life_days: lifeDays }, requestId }) =>
        issuedJson(await accessKeys.createFor(actor, part('id'), { kind, name, lifeDays, ...(requestId !== undefined && { requestId }) })),
    }),
  ];
}
