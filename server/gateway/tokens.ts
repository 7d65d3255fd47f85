import type { KeyRing } from '../domain/credential.ts';
import { openGatewaySecret } from '../domain/gateway-secrets.ts';
import { parameterValues } from '../domain/gateway-parameters.ts';
import type { SnapshotGateway } from '../domain/snapshot.ts';

/** How a gateway whose parameter `app_token` is on makes and reads access tokens. */
export interface TokenSettings {
  readonly gatewayId: string;
  /** Behind the group's address. */
  readonly path: string;
  readonly keyId: string;
  /** Opened at the first token; null when no key of ours opens it. */
  key(): Buffer | null;
  readonly accessSeconds: number;
  readonly refreshSeconds: number;
  readonly maintenance: boolean;
}

/** Null: the gateway makes no tokens, and takes none. */
export function tokenSettings(gateway: SnapshotGateway, keyRing: KeyRing): TokenSettings | null {
  const { app_token, app_token_expire_time, app_token_key, app_token_uri, refresh_token_expire_time } = parameterValues(gateway.parameters);
  const secret = gateway.secrets?.[app_token_key];
  if (!app_token || secret === undefined) return null;
  let opened: Buffer | null | undefined;
  return {
    gatewayId: gateway.id,
    path: app_token_uri,
    keyId: app_token_key,
    key() {
      if (opened === undefined) {
        const text = openGatewaySecret(keyRing, gateway.id, app_token_key, secret);
        opened = text === null ? null : Buffer.from(text, 'base64url');
      }
      return opened;
    },
    accessSeconds: app_token_expire_time,
    refreshSeconds: refresh_token_expire_time,
    maintenance: gateway.maintenance === true,
  };
}
