import { createHash, createHmac } from 'node:crypto';
import { appCodeHash, credentialBytes, credentialValue, sealSecret, type CredentialValueKind } from '../../server/domain/credential.ts';
import type { Snapshot } from '../../server/domain/snapshot.ts';
import { ALGORITHM, EMPTY_SHA256 } from '../../server/domain/signature.ts';

export interface WorldSettings {
  /** Port of the provider. */
  readonly upstream: number;
  /** Subscribers with plenty; behind them are two more, `SMALL` and `SLOW`. */
  readonly subscriptions: number;
}

export type Proof = 'code' | 'signature';

const SECRET_BYTES = 32;
export const RING = [{ id: 'k1', key: Buffer.alloc(SECRET_BYTES, 1) }];
/** Calls that the subscription behind the last one may make: its quota, and of the one behind it the rate. */
export const SMALL_QUOTA = 3;
export const SMALL_RATE = 2;
const APIS = 100;
const PLENTY = 1_000_000_000;

const valueOf = (kind: CredentialValueKind, n: number): string => {
  const random = Buffer.alloc(credentialBytes(kind), 9);
  random.writeUInt32BE(n, 0);
  return credentialValue(kind, random);
};

/** The header fields by which subscriber n proves who it is, for a GET without a query. */
export function credentialFields(proof: Proof, n: number, { path, host }: { path: string; host: string }): Record<string, string> {
  if (proof === 'code') return { 'X-Apig-AppCode': valueOf('app-code', n) };
  const date = `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
  const canonical = `GET\n${path}/\n\nhost:${host}\nx-sdk-date:${date}\n\nhost;x-sdk-date\n${EMPTY_SHA256}`;
  const toSign = `${ALGORITHM}\n${date}\n${createHash('sha256').update(canonical).digest('hex')}`;
  const signature = createHmac('sha256', valueOf('app-secret', n)).update(toSign).digest('hex');
  return { 'X-Sdk-Date': date, Authorization: `${ALGORITHM} Access=${valueOf('app-key', n)}, SignedHeaders=host;x-sdk-date, Signature=${signature}` };
}

/** One API of a catalogue of a hundred, and as many subscribers as asked for, each with an app, a code, a key, and a hard quota. */
export function benchSnapshot({ upstream, subscriptions }: WorldSettings, now: number): Snapshot {
  const apis = Array.from({ length: APIS }, (_, n) => apiOf(n, upstream));
  const numbers = Array.from({ length: subscriptions + 2 }, (_, n) => n);
  const planOf = (n: number) => (n < subscriptions ? 'plan_large' : n === subscriptions ? 'plan_small' : 'plan_slow');
  return {
    builtAt: now,
    gateways: [{ id: 'gw_1', organizationId: 'org_p', parameters: { ratelimit_api_limits: 1_000_000 } }],
    groups: [{ id: 'grp_1', gatewayId: 'gw_1', label: 'bench' }],
    apis,
    credentials: numbers.flatMap((n) => {
      const common = { appId: `app_${n}`, organizationId: `org_${n}`, notAfter: null };
      const appKey = valueOf('app-key', n);
      const secretCipher = sealSecret(RING, valueOf('app-secret', n), appKey, Buffer.alloc(12, n));
      return [
        { ...common, id: `crd_${n}c`, kind: 'code' as const, appKey: null, secretCipher: null, hash: appCodeHash(valueOf('app-code', n)) },
        { ...common, id: `crd_${n}k`, kind: 'key' as const, appKey, secretCipher, hash: null },
      ];
    }),
    grants: numbers.map((n) => ({ appId: `app_${n}`, apiIds: apis.map(({ id }) => id), environmentId: 'env_1', subscriptionId: `sub_${n}` })),
    subscriptions: numbers.map((n) => ({
      id: `sub_${n}`,
      organizationId: `org_${n}`,
      productId: 'prd_1',
      gatewayId: 'gw_1',
      status: 'active' as const,
      entitledUntil: null,
      windows: [{ key: '0.0', startAt: now - 1_000, endAt: now + 30 * 86_400_000, planVersionId: planOf(n) }],
    })),
    planVersions: [
      planVersion('plan_large', PLENTY, { calls: 1_000_000, seconds: 1 }),
      planVersion('plan_small', SMALL_QUOTA, { calls: 1_000_000, seconds: 1 }),
      planVersion('plan_slow', PLENTY, { calls: SMALL_RATE, seconds: 86_400 }),
    ],
  };
}

const apiOf = (n: number, upstream: number): Snapshot['apis'][number] => {
  const path = n === 0 ? '/items' : `/items/{id}/part-${n}`;
  return {
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
      frontend: { method: 'GET', path, match: 'exact' },
      security: 'APP',
      appCode: true,
      parameters: [],
      backend: { kind: 'http', origin: `http://127.0.0.1:${upstream}`, method: 'SAME', path, timeoutMs: 5_000, retries: 0 },
      backendParameters: [],
      cors: false,
      streaming: false,
      upgrade: false,
      operation: null,
    },
  };
};

const planVersion = (id: string, limit: number, rate: { calls: number; seconds: number }): Snapshot['planVersions'][number] => ({
  id,
  planId: id,
  planName: id,
  document: {
    currency: 'usd',
    interval: 'month',
    base_amount: 0,
    setup_amount: 0,
    weights: {},
    trial_days: 0,
    min_commit: 0,
    billable_statuses: ['2xx'],
    bill_aborted: false,
    overage_stop: false,
    rate_limit: rate,
    meters: [{ code: 'requests', price: { model: 'per_unit', unit_amount_decimal: '0.2', divide_by: 1, included: 0 }, quota: { limit, hard: true } }],
  },
});
