import { z } from 'zod';
import { ACTIONS } from '../../../domain/actions.ts';
import { isServiceAccount, type Actor } from '../../../domain/actor.ts';
import { isActionPattern } from '../../../domain/audit-filter.ts';
import { isAllowed } from '../../../domain/rights.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Services } from '../../../services/index.ts';
import { rowOf, type ServiceAccountRow } from '../../../services/service-accounts.ts';
import type { AuditDoc } from '../../../store/audit.ts';
import { cursor, jsonTime, jsonTimeOrNull, operation, PAGE, paged, PageQuery, readCursor, spanOf, type Operation } from '../operation.ts';
import { quotaList } from '../quota-list.ts';
import { AuditRecordList, Me, NewServiceAccountBody, QuotaList, ServiceAccount, ServiceAccountBody, ServiceAccountList, StateBody, time } from '../schemas.ts';

const AUDIT_DAYS = 90;
const AuditQuery = z.strictObject({
  who: z.string().max(64).optional().describe('A user or a service account, or “system”.'),
  action: z.string().max(80).optional().describe('An action, or a pattern such as apig:apis:*.'),
  thing: z.string().max(80).optional().describe('The id of what it was done to, or of what that belongs to.'),
  outcome: z.enum(['done', 'refused']).optional(),
  request_id: z.string().max(80).optional(),
  from: time.optional(),
  to: time.optional().describe('Not included.'),
  ...PAGE,
});

const recordJson = (record: AuditDoc) => ({
  id: record._id,
  at: jsonTime(record.at),
  outcome: record.outcome,
  kind: record.kind,
  who: record.userId === '' ? null : record.userId,
  key: record.key ?? null,
  action: record.action,
  resource: record.resource,
  address: record.address === '' ? null : record.address,
  request_id: record.requestId,
  before: record.before ?? null,
  after: record.after ?? null,
});

const serviceAccountJson = (account: ServiceAccountRow) => ({
  id: account.id,
  name: account.name,
  purpose: account.purpose,
  enabled: account.disabledAt === null,
  policies: [...account.policies],
  groups: [...account.groups],
  created_at: jsonTime(account.createdAt),
  rev: account.rev,
});

/** Who is calling, what was changed, and the members that are programs. */
export function organizationOperations({
  accessKeys,
  accounts,
  audit,
  clock,
  organizationQuotas,
  serviceAccounts,
}: Pick<Services, 'accessKeys' | 'accounts' | 'audit' | 'clock' | 'organizationQuotas' | 'serviceAccounts'>): readonly Operation[] {
  async function me(actor: Actor) {
    const isProgram = isServiceAccount(actor);
    const [organization, key, user, account] = await Promise.all([
      accounts.organization(actor.organizationId),
      accessKeys.get(actor, actor.key?.id ?? '', 'own'),
      isProgram ? null : accounts.user(actor.userId),
      isProgram ? serviceAccounts.get(actor, actor.userId) : null,
    ]);
    if (!organization) throw new AppError('not-found');
    return {
      acts_as: { kind: isProgram ? 'service_account' : 'user', id: actor.userId, name: user?.name ?? account?.name ?? '', email: user?.email ?? null },
      key: { id: key.id, hint: key.hint, name: key.name, ends_at: jsonTimeOrNull(key.endsAt) },
      organization: { id: organization._id, name: organization.name },
      policies: actor.policies.flatMap((held) =>
        held === 'Self'
          ? []
          : [typeof held === 'string' ? { id: held, name: held, through: null } : { id: held.id, name: held.name, through: held.via || null }],
      ),
      actions: ACTIONS.filter((action) => !action.startsWith('platform:') && isAllowed(actor, action)),
      restrictions: [...(actor.restrictions ?? [])],
    };
  }

  return [
    operation({
      method: 'get',
      path: '/me',
      action: 'market:account:get',
      id: 'getMe',
      summary: 'As whom this key acts, for which organization, and what it may do now.',
      answer: Me,
      run: ({ actor }) => me(actor),
    }),
    operation({
      method: 'get',
      path: '/organization/quotas',
      action: 'market:organization:get',
      id: 'listOrganizationQuotas',
      summary: 'What the organization has used of what it has room for.',
      answer: QuotaList,
      run: async ({ actor }) => quotaList(await organizationQuotas.list(actor)),
    }),
    operation({
      method: 'get',
      path: '/audit',
      action: 'market:audit:get',
      id: 'listAudit',
      summary: `Changes made in the organization, and attempts that were refused, newest first; of the last ${AUDIT_DAYS} days if no time is named.`,
      query: AuditQuery,
      answer: AuditRecordList,
      async run({ actor, query }) {
        const { from, to } = spanOf(query, clock.now(), AUDIT_DAYS);
        const { who = null, action = null, thing = null, outcome = null, request_id: requestId = null } = query;
        if (action !== null && !isActionPattern(action)) throw new AppError('invalid-form', undefined, { fields: { action: 'No action can look like this.' } });
        const [at, id] = query.next === undefined ? [0, ''] : readCursor('audit', query.next);
        const filter = { from, to, who, action, thing, outcome, address: null, requestId };
        const found = await audit.page(actor, filter, query.next === undefined ? null : { at, id }, query.limit);
        return { items: found.records.map(recordJson), next: found.next && cursor('audit', [found.next.at, found.next.id]) };
      },
    }),
    operation({
      method: 'get',
      path: '/service-accounts',
      action: 'market:serviceAccounts:get',
      id: 'listServiceAccounts',
      summary: 'Service accounts, newest first.',
      query: PageQuery,
      answer: ServiceAccountList,
      run: async ({ actor, query }) =>
        paged('service-accounts', await serviceAccounts.rows(actor), query, ({ createdAt, id }) => [createdAt, id], serviceAccountJson),
    }),
    operation({
      method: 'post',
      path: '/service-accounts',
      action: 'market:serviceAccounts:create',
      id: 'createServiceAccount',
      summary: 'A new service account. It holds no key yet.',
      body: NewServiceAccountBody,
      status: 201,
      answer: ServiceAccount,
      run: async ({ actor, body }) => serviceAccountJson(rowOf(await serviceAccounts.create(actor, body))),
    }),
    operation({
      method: 'get',
      path: '/service-accounts/{id}',
      action: 'market:serviceAccounts:get',
      id: 'getServiceAccount',
      summary: 'One service account.',
      answer: ServiceAccount,
      run: async ({ actor, part }) => serviceAccountJson(rowOf(await serviceAccounts.get(actor, part('id')))),
    }),
    operation({
      method: 'put',
      path: '/service-accounts/{id}',
      action: 'market:serviceAccounts:update',
      id: 'updateServiceAccount',
      summary: 'Name, purpose and rights, all of them; “rev” as it was read. Refused when somebody else changed it since.',
      body: ServiceAccountBody,
      answer: ServiceAccount,
      async run({ actor, part, body: { rev, ...fields } }) {
        await serviceAccounts.update(actor, part('id'), rev, fields);
        return serviceAccountJson(rowOf(await serviceAccounts.get(actor, part('id'))));
      },
    }),
    operation({
      method: 'put',
      path: '/service-accounts/{id}/state',
      action: 'market:serviceAccounts:update',
      id: 'setServiceAccountState',
      summary: 'While it is disabled its keys are refused.',
      body: StateBody,
      answer: ServiceAccount,
      async run({ actor, part, body }) {
        await serviceAccounts.setEnabled(actor, part('id'), body.enabled);
        return serviceAccountJson(rowOf(await serviceAccounts.get(actor, part('id'))));
      },
    }),
    operation({
      method: 'delete',
      path: '/service-accounts/{id}',
      action: 'market:serviceAccounts:delete',
      id: 'deleteServiceAccount',
      summary: 'Its keys are refused from the next request on.',
      run: async ({ actor, part }) => void (await serviceAccounts.remove(actor, part('id'))),
    }),
  ];
}
