import { createHash, createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compose } from '../../server/compose.ts';
import { loadConfig } from '../../server/config.ts';
import type { Actor } from '../../server/domain/actor.ts';
import type { ApiDefinition } from '../../server/domain/api.ts';
import { makeLog } from '../../server/kernel/log.ts';
import { startGateway } from '../../server/roles.ts';
import { definition } from './catalog-world.ts';
import { recordingUpstream } from './gateway-world.ts';
import { startPortal } from './portal.ts';

export const ENGINES = ['direct', 'http-proxy'] as const;
export const ALL_ENGINES = ['direct', 'undici', 'http-proxy'] as const;
export type Engine = (typeof ALL_ENGINES)[number];

/**
 * The web role and one gateway role for each engine over one store and one Redis, with two trusted proxies in front by configuration: one
 * provider with a gateway, `/app` (any method, prefix) for an authorized app, and `/open` for everybody.
 */
export async function parametersWorld(
  answer?: Parameters<typeof recordingUpstream>[0],
  { engines = ENGINES, allow = [] }: { readonly engines?: readonly Engine[]; readonly allow?: readonly string[] } = {},
) {
  const upstream = await recordingUpstream(answer);
  const portal = await startPortal({ UPSTREAM_ALLOW: [`127.0.0.1:${upstream.port}`, ...allow].join(',') });
  const dataDir = await mkdtemp(join(tmpdir(), 'parameters-'));
  const gateways = new Map<Engine, { url: string; stop(): Promise<void> }>();
  for (const engine of engines) {
    const env = { ...portal.env, DATA_DIR: dataDir, GATEWAY_ENGINE: engine, GATEWAY_NODE: `gw-${engine}`, TRUSTED_HOPS: '2' };
    const composition = await compose(loadConfig(env), 'gateway', { log: makeLog('silent', 'gateway') });
    const { port } = await startGateway(composition);
    gateways.set(engine, { url: `http://127.0.0.1:${port}`, stop: () => composition.lifecycle.stop() });
  }
  const provider = await portal.member('Provider');
  const { services, store } = portal.composition;
  const actor: Actor = {
    kind: 'user',
    userId: provider.userId,
    organizationId: provider.organizationId,
    policies: ['Administrator'],
    address: '192.0.2.7',
    requestId: 'req_test',
  };
  const gateway = await services.catalog.gateways.create(actor, { name: 'Main', description: '' });
  const group = await services.catalog.groups.create(actor, gateway._id, { name: 'Params', description: '', label: 'params' });
  const backend = (path: string) => ({ kind: 'http', origin: upstream.origin, method: 'SAME', path, timeoutMs: 30_000, retries: 0 }) as const;
  const make = async (path: string, change: Partial<ApiDefinition>) =>
    (await services.catalog.apis.create(actor, gateway._id, group._id, definition(path, { backend: backend(path), ...change })))._id;
  const appApi = await make('/app', { frontend: { method: 'ANY', path: '/app', match: 'prefix' } });
  const openApi = await make('/open', { security: 'NONE', appCode: false });
  await services.catalog.publishing.publish(actor, gateway._id, [appApi, openApi], 'first');
  const app = await services.apps.create(actor, { name: 'Demo', description: '' });
  await services.catalog.authorizations.grant(actor, appApi, app._id);
  const code = await services.credentials.issue(actor, { appId: app._id, kind: 'code', name: 'code', notAfter: null });
  const key = await services.credentials.issue(actor, { appId: app._id, kind: 'key', name: 'key', notAfter: null });
  if (code.kind !== 'code' || key.kind !== 'key') throw new Error('the wrong kinds were issued');
  const page = `/gateways/${gateway._id}/parameters`;
  const rev = async () => String((await store.gateways.gateway(gateway._id))?.rev);

  return {
    portal,
    upstream,
    provider,
    actor,
    gatewayId: gateway._id,
    dataDir,
    page,
    appCode: code.appCode,
    appKey: key.appKey,
    appSecret: key.appSecret,
    rev,
    /** By the page's form; answered once every gateway serves it. */
    set: async (name: string, value: string) => provider.post(page, { name, value, rev: await rev() }),
    reset: async (name: string) => provider.post(`/gateways/${gateway._id}/parameter-defaults`, { name, rev: await rev() }),
    urlOf: (engine: Engine): string => gateways.get(engine)?.url ?? '',
    at: (engine: Engine, path: string, init: RequestInit = {}) => fetch(`${gateways.get(engine)?.url}${path}`, init),
    call: (engine: Engine, path: string, init: RequestInit = {}) => fetch(`${gateways.get(engine)?.url}/params${path}`, init),
    /** Headers of a signed call, by hand. */
    signed(method: string, path: string, { payload, date }: { payload: string; date: string }) {
      const headers: Record<string, string> = { 'x-sdk-content-sha256': payload, 'x-sdk-date': date };
      const names = Object.keys(headers).sort();
      const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
      const lines = names.map((name) => `${name}:${headers[name]}\n`).join('');
      const canonical = `${method}\n/params${path}/\n\n${lines}\n${names.join(';')}\n${payload}`;
      const signature = createHmac('sha256', key.appSecret)
        .update(`SDK-HMAC-SHA256\n${date}\n${sha256(canonical)}`)
        .digest('hex');
      return { ...headers, Authorization: `SDK-HMAC-SHA256 Access=${key.appKey}, SignedHeaders=${names.join(';')}, Signature=${signature}` };
    },
    async stop() {
      for (const { stop } of gateways.values()) await stop();
      await portal.stop();
      await upstream.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type ParametersWorld = Awaited<ReturnType<typeof parametersWorld>>;
