import { many, named, one, type Endpoint } from '../endpoint.ts';
import { invalid } from '../faults.ts';
import { boolean, list, mergeMetadata, metadata, range, required, text, within } from '../parameters.ts';
import type { WebhookEndpoint } from '../things.ts';
import { API_VERSION, type Tx } from '../world.ts';

/** Stripe lists them for 30 days. */
const EVENTS_LISTED_SECONDS = 30 * 86_400;

const url = (value: string): string => {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
    throw invalid('Invalid URL: An explicit scheme (such as https) must be provided.', { code: 'url_invalid', param: 'url' });
  return value;
};

export const newEndpoint = (
  tx: Tx,
  { id = tx.id('we_1'), url: address, secret, events }: { id?: string; url: string; secret: string; events: string[] },
): WebhookEndpoint => ({
  id,
  object: 'webhook_endpoint',
  api_version: API_VERSION,
  application: null,
  created: tx.now,
  description: null,
  enabled_events: events,
  livemode: false,
  metadata: {},
  status: 'enabled',
  url: address,
  $secret: secret,
});

export const events: Endpoint[] = [
  one('GET', '/v1/events/{id}', {}, (tx, _, { id }) => named(tx, 'event', id!)),
  many('/v1/events', { created: range(), delivery_success: boolean(), type: text(), types: list(text(), { max: 20 }) }, (tx, { created, type, types }) =>
    tx
      .all('event')
      .filter(
        (event) =>
          event.created > tx.now - EVENTS_LISTED_SECONDS &&
          within(event.created, created) &&
          (type === undefined || matches(event.type, type)) &&
          (types === undefined || types.includes(event.type)),
      ),
  ),

  one(
    'POST',
    '/v1/webhook_endpoints',
    {
      api_version: text(),
      description: text({ clearable: true }),
      enabled_events: required(list(text(), { max: 300 })),
      metadata: metadata(),
      url: required(text()),
    },
    (tx, params) => {
      if (params.api_version !== undefined && params.api_version !== API_VERSION)
        throw invalid(`This simulator speaks API version ${API_VERSION} only.`, { param: 'api_version' });
      const endpoint = newEndpoint(tx, { url: url(params.url), secret: tx.id('whsec_', 32), events: params.enabled_events });
      endpoint.description = params.description || null;
      endpoint.metadata = mergeMetadata({}, params.metadata);
      tx.put('webhook_endpoint', endpoint);
      // The secret is told once, here.
      return { ...endpoint, secret: endpoint.$secret };
    },
  ),
  one('GET', '/v1/webhook_endpoints/{webhook_endpoint}', {}, (tx, _, { webhook_endpoint: id }) => named(tx, 'webhook_endpoint', id!)),
  one(
    'POST',
    '/v1/webhook_endpoints/{webhook_endpoint}',
    { description: text({ clearable: true }), disabled: boolean(), enabled_events: list(text(), { max: 300 }), metadata: metadata(), url: text() },
    (tx, params, { webhook_endpoint: id }) => {
      const endpoint = named(tx, 'webhook_endpoint', id!);
      if (params.url !== undefined) endpoint.url = url(params.url);
      if (params.enabled_events) endpoint.enabled_events = params.enabled_events;
      if (params.disabled !== undefined) endpoint.status = params.disabled ? 'disabled' : 'enabled';
      if (params.description !== undefined) endpoint.description = params.description || null;
      endpoint.metadata = mergeMetadata(endpoint.metadata, params.metadata);
      return tx.put('webhook_endpoint', endpoint);
    },
  ),
  one('DELETE', '/v1/webhook_endpoints/{webhook_endpoint}', {}, (tx, _, { webhook_endpoint: id }) => {
    const endpoint = named(tx, 'webhook_endpoint', id!);
    tx.remove('webhook_endpoint', endpoint.id);
    return { id: endpoint.id, object: 'webhook_endpoint', deleted: true };
  }),
  many('/v1/webhook_endpoints', {}, (tx) => tx.all('webhook_endpoint')),
];

/** `invoice.*` matches its family. */
const matches = (type: string, wanted: string): boolean => (wanted.endsWith('.*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted);
