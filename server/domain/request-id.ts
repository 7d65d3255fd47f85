import { sha256Hex, type IdPrefix } from '../kernel/ids.ts';

/**
 * The id of what a form makes, worked out from the form itself: sent twice, it makes one thing.
 * @param requestId  the form's hidden value, unique per form; it counts within one organization
 */
export const idOfRequest = (prefix: IdPrefix, organizationId: string, requestId: string): string =>
  `${prefix}_${sha256Hex(`${prefix}.${organizationId}.${requestId}`).slice(0, 26)}`;
