import { isAddressEntry } from './address.ts';
import { slugOf } from './slug.ts';

/** `requested` → `accepted` | `rejected` | `withdrawn`; `accepted` → `disconnected`. */
export const CONNECTION_STATUSES = ['requested', 'accepted', 'rejected', 'withdrawn', 'disconnected'] as const;
export type ConnectionStatus = (typeof CONNECTION_STATUSES)[number];

export const EVERYBODY = '*';
export const WHITELIST_MAX = 200;
export const NETWORKS_MAX = 50;
export const MESSAGE_MAX = 500;
export const REASON_MAX = 500;
/** The reference system's bound on the part that is chosen. */
const SERVICE_LABEL_MAX = 16;

const ORGANIZATION_ID = /^org_[0-9a-z_]{1,40}$/;

/** `main.gw_01…`: the gateway's name as far as it can stand in a name, and what makes it unique. */
export const serviceNameOf = (gatewayName: string, gatewayId: string): string =>
  `${slugOf(gatewayName).slice(0, SERVICE_LABEL_MAX).replace(/-+$/, '') || 'gateway'}.${gatewayId}`;

/** One entry a line, or by comma; empty ones and repetitions count for nothing. */
export const entriesOf = (text: string): string[] => [
  ...new Set(
    text
      .split(/[\n,]/)
      .map((entry) => entry.trim())
      .filter(Boolean),
  ),
];

/** @returns what is wrong with a whitelist, as a sentence; undefined: nothing */
export function whitelistFault(entries: readonly string[]): string | undefined {
  if (entries.length > WHITELIST_MAX) return `At most ${WHITELIST_MAX} organizations fit; * stands for all.`;
  const wrong = entries.find((entry) => entry !== EVERYBODY && !ORGANIZATION_ID.test(entry));
  return wrong === undefined ? undefined : `${wrong} is no id of an organization: it begins with org_. * stands for all.`;
}

/** @returns what is wrong with the networks of a connection, as a sentence; undefined: nothing */
export function networksFault(entries: readonly string[]): string | undefined {
  if (entries.length > NETWORKS_MAX) return `At most ${NETWORKS_MAX} networks fit.`;
  const wrong = entries.find((entry) => !isAddressEntry(entry));
  return wrong === undefined ? undefined : `${wrong} is no address, block (10.0.0.0/8) or range (10.0.0.1-10.0.0.9).`;
}

/** Does an organization find the service, if it knows its name? Off, and not on the list, look like no service at all. */
export const finds = (
  service: { readonly on: boolean; readonly organizationId: string; readonly whitelist: readonly string[] } | null,
  organizationId: string,
): boolean =>
  service !== null && service.on && (service.organizationId === organizationId || service.whitelist.some((id) => id === EVERYBODY || id === organizationId));
