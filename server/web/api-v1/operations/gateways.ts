import { z } from 'zod';
import type { Services } from '../../../services/index.ts';
import type { GatewayDoc } from '../../../store/gateways.ts';
import { jsonTime, operation, PAGE, paged, PageQuery, type Operation } from '../operation.ts';
import { quotaList } from '../quota-list.ts';
import { ApiList, Gateway, GatewayList, QuotaList } from '../schemas.ts';

const gatewayJson = ({ _id, name, description, edition, tags, maintenance, windowStart, createdAt }: GatewayDoc) => ({
  id: _id,
  name,
  description,
  edition,
  tags: tags.map(({ key, value }) => ({ key, value })),
  maintenance,
  window_start_hour: windowStart,
  created_at: jsonTime(createdAt),
});

const GatewayQuery = z.strictObject({ ...PAGE, tag: z.string().min(1).max(400).optional().describe('A tag that they carry, as key=value.') });
const carries =
  (tag: string | undefined) =>
  ({ tags }: GatewayDoc): boolean =>
    tag === undefined || tags.some(({ key, value }) => `${key}=${value}` === tag);

/** Gateways and the APIs on them, as far as they may be seen. */
export function gatewayOperations({ catalog }: Pick<Services, 'catalog'>): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/gateways',
      action: 'apig:instances:get',
      id: 'listGateways',
      summary: 'Gateways, newest first; all, or those with a tag.',
      query: GatewayQuery,
      answer: GatewayList,
      run: async ({ actor, query }) =>
        paged('gateways', (await catalog.gateways.list(actor)).filter(carries(query.tag)), query, ({ createdAt, _id }) => [createdAt, _id], gatewayJson),
    }),
    operation({
      method: 'get',
      path: '/gateways/{id}',
      action: 'apig:instances:get',
      id: 'getGateway',
      summary: 'One gateway.',
      answer: Gateway,
      run: async ({ actor, part }) => gatewayJson(await catalog.gateways.get(actor, part('id'))),
    }),
    operation({
      method: 'get',
      path: '/gateways/{id}/quotas',
      action: 'apig:instances:get',
      id: 'listGatewayQuotas',
      summary: 'What a gateway, and its organization, have used of what they have room for.',
      answer: QuotaList,
      async run({ actor, part }) {
        const { quotas } = await catalog.overview.quotas(actor, part('id'));
        return quotaList(quotas);
      },
    }),
    operation({
      method: 'get',
      path: '/gateways/{id}/apis',
      action: 'apig:apis:get',
      id: 'listApis',
      summary: 'The APIs of a gateway with their state, newest first.',
      query: PageQuery,
      answer: ApiList,
      async run({ actor, part, query }) {
        const gateway = await catalog.gateways.get(actor, part('id'));
        const [groups, all] = await Promise.all([catalog.overview.groups(actor, gateway._id), catalog.apis.ofGateway(actor, gateway._id)]);
        const groupOf = new Map(groups.map(({ group }) => [group._id, group]));
        return paged(
          `apis.${gateway._id}`,
          all.flatMap((summary) => {
            const group = groupOf.get(summary.api.groupId);
            return group ? [{ ...summary, group }] : [];
          }),
          query,
          ({ api }) => [api.createdAt, api._id],
          ({ api, group, status, changed }) => ({
            id: api._id,
            group: { id: group._id, name: group.name },
            name: api.definition.name,
            summary: api.definition.summary,
            method: api.definition.frontend.method,
            path: api.definition.frontend.path,
            match: api.definition.frontend.match,
            security: api.definition.security,
            status,
            changed,
            created_at: jsonTime(api.createdAt),
          }),
        );
      },
    }),
  ];
}
