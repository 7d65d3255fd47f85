import { AppError } from '../../kernel/errors.ts';
import type { Call } from '../call.ts';
import type { Filter } from '../filter.ts';

/** Does the caller ask for a WebSocket? Any other protocol that is offered is ignored, as HTTP allows, and the call is an ordinary one. */
export const isWebSocket = ({ upgradeHead, fields, method }: Call): boolean =>
  upgradeHead !== null && method === 'GET' && fields.upgrade.trim().toLowerCase() === 'websocket';

/** A WebSocket is admitted where the API says so, and from pages of other origins where it allows those. Needs: `served`. */
export const admitUpgrade: Filter = (call) => {
  if (call.upgradeHead === null) return;
  if (call.contentLength !== 0) throw new AppError('invalid-request', 'A request that asks for another protocol has no body.');
  if (!isWebSocket(call)) return;
  const definition = call.served?.api.definition;
  if (!definition?.upgrade) throw new AppError('invalid-request', 'This API does not accept WebSockets.');
  if (call.fields.origin !== '' && !definition.cors) throw new AppError('invalid-request', 'This API does not accept WebSockets from web pages.');
};
