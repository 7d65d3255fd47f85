import { createSecretKey } from 'node:crypto';
import { appCodeHash, credentialBytes, credentialValue } from '../../server/domain/credential.ts';
import type { Snapshot } from '../../server/domain/snapshot.ts';

export interface WorldSettings {
  /** Port of the provider. */
  readonly upstream: number;
  readonly subscriptions: number;
}

export const RING = [{ id: 'k1', key: createSecretKey(Buffer.alloc(32, 1)).export() }];

/** The code of subscription n; of the last one, whose quota is 3. */
export const codeOf = (n: number): string => {
  const random = Buffer.alloc(credentialBytes('app-code'), 9);
  random.writeUInt32BE(n, 0);
  return credentialValue('app-code', random);
};

/** One API of a catalogue of a hundred, and as many subscribers as asked for, each with an app, a code and a hard quota. */
export function benchSnapshot({ upstream, subscriptions }: WorldSettings, now: number): Snapshot {
  const apis = Array.from({ length: 100 }, (_, n) => ({
    id: `api_${n}`,
    publicationId: `pub_${n}`,
    gatewayId: 'gw_1',
    groupId: 'grp_1',
    environmentId: 'env_1',
    environmentName: 'RELEASE',
    definition: {
      name: '',
      summary: '',
      description: '',
      tags: [],
      frontend: { method: 'GET' as const, path: n === 0 ? '/items' : `/items/{id}/part-${n}`, match: 'exact' as const },
      security: 'APP' as const,
      appCode: true,
      parameters: [],
      backend: {
        kind: 'http' as const,
        origin: `http://127.0.0.1:${upstream}`,
        method: 'SAME' as const,
        path: n === 0 ? '/items' : `/items/{id}/part-${n}`,
        timeoutMs: 5_000,
        retries: 0,
      },
      backendParameters: [],
      cors: false,
      streaming: false,
      upgrade: false,
      operation: null,
    },
  }));
  const plan = (id: string, limit: number) => ({
    id,
    planId: id,
    planName: id,
    document: {
      currency: 'usd',
      interval: 'month' as const,
      base_amount: 0,
      setup_amount: 0,
      weights: {},
      trial_days: 0,
      min_commit: 0,
      billable_statuses: ['2xx'],
      bill_aborted: false,
      overage_stop: false,
      rate_limit: { calls: 1_000_000, seconds: 1 },
      meters: [
        { code: 'requests', price: { model: 'per_unit' as const, unit_amount_decimal: '0.2', divide_by: 1, included: 0 }, quota: { limit, hard: true } },
      ],
    },
  });
  const numbers = Array.from({ length: subscriptions + 1 }, (_, n) => n);
  return {
    builtAt: now,
    gateways: [{ id: 'gw_1', organizationId: 'org_p', parameters: { ratelimit_api_limits: 1_000_000 } }],
    groups: [{ id: 'grp_1', gatewayId: 'gw_1', label: 'bench' }],
    apis,
    credentials: numbers.map((n) => ({
      id: `crd_${n}`,
      appId: `app_${n}`,
      organizationId: `org_${n}`,
      kind: 'code' as const,
      appKey: null,
      secretCipher: null,
      hash: appCodeHash(codeOf(n)),
      notAfter: null,
    })),
    grants: numbers.map((n) => ({ appId: `app_${n}`, apiIds: apis.map(({ id }) => id), environmentId: 'env_1', subscriptionId: `sub_${n}` })),
    subscriptions: numbers.map((n) => ({
      id: `sub_${n}`,
      organizationId: `org_${n}`,
      productId: 'prd_1',
      gatewayId: 'gw_1',
      status: 'active' as const,
      entitledUntil: null,
      windows: [{ key: '0.0', startAt: now - 1_000, endAt: now + 30 * 86_400_000, planVersionId: n === subscriptions ? 'plan_small' : 'plan_large' }],
    })),
    planVersions: [plan('plan_large', 1_000_000_000), plan('plan_small', 3)],
  };
}
