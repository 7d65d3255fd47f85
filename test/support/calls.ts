import type { CallRecord } from '../../server/domain/metering.ts';

/** A plausible finished call; name what matters to the test. */
export const callRecord = (over: Partial<CallRecord> = {}): CallRecord => ({
  callId: 'call_1',
  admittedAt: 1_900_000_000_000,
  gatewayId: 'gw_1',
  apiId: 'api_1',
  environmentId: 'env_1',
  operation: 'GET /countries/{code}',
  appId: 'app_1',
  credentialId: 'crd_1',
  subscriptionId: 'sub_1',
  window: '0.0',
  planVersionId: 'plan_1_v1',
  outcome: '200',
  method: 'GET',
  path: '/countries/de',
  status: 200,
  bytesIn: 0,
  bytesOut: 1_024,
  upstreamMs: 3,
  totalMs: 4,
  units: { requests: 1 },
  receipt: 1,
  via: '',
  ...over,
});
