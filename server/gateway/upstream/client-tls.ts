import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import type { KeyRing } from '../../domain/credential.ts';
import { openGatewaySecret } from '../../domain/gateway-secrets.ts';
import type { SnapshotGateway } from '../../domain/snapshot.ts';

/** What a gateway shows to backends that ask who calls, and whom it trusts beside everybody's authorities. */
export interface ClientTls {
  /** Of this certificate of this gateway: connections made with it are for nothing else. */
  readonly id: string;
  /** Made at the first connection. */
  context(): SecureContext;
}

/** What connections are kept by: those of gateways with different certificates never meet. */
export const connectionKey = (origin: string, tls: ClientTls | null): string => (tls === null ? origin : `${origin} ${tls.id}`);

export interface ClientTlsOpener {
  /** A compilation begins: what neither it nor the one before it asks for is forgotten. */
  begin(): void;
  /** Null: the gateway has no certificate. `sealed`: no key of ours opens it. */
  of(gateway: SnapshotGateway): ClientTls | 'sealed' | null;
}

/** Opens certificates for the compiled table, each once for as long as it is in use. */
export function makeClientTlsOpener(ring: KeyRing): ClientTlsOpener {
  let before = new Map<string, ClientTls>();
  let present = new Map<string, ClientTls>();

  return {
    begin() {
      before = present;
      present = new Map();
    },
    of({ id: gatewayId, parameters, secrets = {} }) {
      const certificate = parameters.backend_client_certificate;
      if (!certificate) return null;
      const key = `${gatewayId} ${certificate.id}`;
      const known = present.get(key) ?? before.get(key) ?? open(ring, gatewayId, certificate.id, secrets, key);
      if (known === null) return 'sealed';
      present.set(key, known);
      return known;
    },
  };
}

function open(ring: KeyRing, gatewayId: string, secretId: string, secrets: NonNullable<SnapshotGateway['secrets']>, key: string): ClientTls | null {
  const secret = secrets[secretId];
  const privateKey = secret === undefined ? null : openGatewaySecret(ring, gatewayId, secretId, secret);
  if (secret === undefined || privateKey === null) return null;
  let context: SecureContext | undefined;
  return {
    id: key,
    context: () =>
      (context ??= createSecureContext({
        cert: secret.certificate,
        key: privateKey,
        // One list replaces the other, so the generally trusted are named too.
        ...(secret.ca !== '' && { ca: [...rootCertificates, secret.ca] }),
      })),
  };
}
