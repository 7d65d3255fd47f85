import { admits } from '../../domain/address.ts';
import { matchRoute, writtenParams } from '../../domain/route.ts';
import { ESCAPE_FAULT, hostName } from '../../domain/target.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../call.ts';
import type { Filter } from '../filter.ts';
import { NO_GROUPS, type Groups, type Table } from '../table.ts';
import { pickedAddress } from './guard.ts';

const DEFAULT_STAGE = 'RELEASE';

/**
 * From host or label, environment, method and path to the published API. Needs: `target`. Sets: `label`, `path`, `segments`, `served`,
 * `via`, `params`, `written`, `taken`, `query`, and `clientAddress` where a parameter of the gateway picks it. For a preflight the method asked about is looked up.
 */
export function makeFindRoute({ table, domain }: { table: () => Table; domain: string }): Filter {
  const suffix = domain === '' ? '' : `.${domain.toLowerCase()}`;

  return (call) => {
    locate(call, suffix);
    const compiled = table();
    const groups = groupsFor(call, compiled);
    if (call.target.slash && !compiled.slashLabels.has(call.label)) throw new AppError('invalid-request', ESCAPE_FAULT);
    const environments = groups.get(call.label);
    const router = environments?.get(call.fields.stage === '' ? DEFAULT_STAGE : call.fields.stage);
    if (!environments) throw new AppError('api-not-found', 'No group of APIs has this address.');
    if (!router)
      throw new AppError('api-not-found', `Nothing is published here in the environment ${call.fields.stage === '' ? DEFAULT_STAGE : call.fields.stage}.`);
    const asked = isPreflight(call) ? call.fields.requestedMethod : call.method;
    const match = matchRoute(router, asked, call.segments);
    if (!match) throw new AppError('api-not-found', `No API is published here for ${asked} ${call.path}.`);
    call.served = match.value;
    call.params = match.params;
    call.taken = match.taken;
    if (match.value.parameters.api_uri_no_escape && match.places.length > 0) call.written = writtenParams(call.path, match);
    call.query = call.target.query;
    const { real_ip_from_xff: index } = match.value.parameters;
    if (index !== null) call.clientAddress = pickedAddress(call, index);
  };
}

/** What is served at the listener a call came in by. */
export const groupsFor = (call: Call, compiled: Table): Groups =>
  call.way.address === null ? compiled.groups : overConnection(call, call.way.address, compiled);

/** What the connection at a private address leads to: the groups of one gateway, to callers from the networks it was asked for. */
function overConnection(call: Call, address: string, { connections }: Table): Groups {
  const connection = connections.get(address);
  if (!connection || !admits(connection.networks, call.clientAddress)) return NO_GROUPS;
  call.via = connection.id;
  return connection.groups;
}

export const isPreflight = ({ method, fields }: Call): boolean => method === 'OPTIONS' && fields.origin !== '' && fields.requestedMethod !== '';

/** Sets: `label`, `path`, `segments`. */
export function locate(call: Call, suffix: string): void {
  const { path, segments } = call.target;
  if (suffix !== '') {
    const name = hostName(call.fields.host);
    if (name.endsWith(suffix)) {
      call.label = name.slice(0, -suffix.length);
      call.path = path;
      call.segments = segments;
      return;
    }
  }
  const end = path.indexOf('/', 1);
  call.label = segments[0] ?? '';
  // `/label` alone is the group's root, as `/label/` is.
  call.path = end < 0 ? '/' : path.slice(end);
  call.segments = end < 0 ? [''] : segments.slice(1);
}
