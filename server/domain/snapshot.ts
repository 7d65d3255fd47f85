import type { ApiDefinition } from './api.ts';
import type { GatewayParameters } from './gateway-parameters.ts';
import type { GatewaySecrets } from './gateway-secrets.ts';
import type { PlanDocument } from './plan.ts';
import type { SubscriptionStatus } from './lifecycles.ts';

/**
 * What a gateway needs to decide every call without reading the store: rows of published APIs, live credentials, grants and
 * subscriptions. Plain JSON, kept on disk too, so that a gateway starts with Mongo away. Secrets stay encrypted in it.
 */
export interface Snapshot {
  /** Rises with every build; only for display and for `/ready`. */
  readonly builtAt: number;
  readonly gateways: readonly SnapshotGateway[];
  readonly groups: readonly SnapshotGroup[];
  readonly apis: readonly SnapshotApi[];
  readonly credentials: readonly SnapshotCredential[];
  readonly grants: readonly SnapshotGrant[];
  readonly subscriptions: readonly SnapshotSubscription[];
  readonly planVersions: readonly SnapshotPlanVersion[];
  /** Accepted connections. Absent in snapshots kept by earlier releases. */
  readonly connections?: readonly SnapshotConnection[];
}

export interface SnapshotGateway {
  readonly id: string;
  readonly organizationId: string;
  readonly parameters: GatewayParameters;
  /** Those that the parameters name, still encrypted. */
  readonly secrets?: GatewaySecrets;
  /** Of its edition, over all processes. Absent in snapshots kept by earlier releases, as `maintenance` is. */
  readonly callsPerSecond?: number;
  /** Every call is refused. */
  readonly maintenance?: boolean;
  /** The public listener does not serve it. */
  readonly privateOnly?: boolean;
}

/** An accepted connection: what arrives at its address is this connection, and leads to its gateway alone. */
export interface SnapshotConnection {
  readonly id: string;
  readonly gatewayId: string;
  /** The private address that is this connection's as long as it lives. */
  readonly address: string;
  /** Where its calls come from, as it was asked for; none: from wherever the address is reached. */
  readonly networks: readonly string[];
}

export interface SnapshotGroup {
  readonly id: string;
  readonly gatewayId: string;
  readonly label: string;
}

/** One published API in one environment. */
export interface SnapshotApi {
  readonly id: string;
  readonly publicationId: string;
  readonly gatewayId: string;
  readonly groupId: string;
  readonly environmentId: string;
  readonly environmentName: string;
  readonly definition: ApiDefinition;
}

export interface SnapshotCredential {
  readonly id: string;
  readonly appId: string;
  readonly organizationId: string;
  readonly kind: 'key' | 'code';
  /** kind `key`: the public AppKey. */
  readonly appKey: string | null;
  /** kind `key`: AES-256-GCM ciphertext of the AppSecret, `keyId.iv.tag.data` in base64url. */
  readonly secretCipher: string | null;
  /** kind `code`: hex SHA-256 of the AppCode. */
  readonly hash: string | null;
  /** Epoch ms; the credential stops working then. */
  readonly notAfter: number | null;
}

/** An app's right to call an API: by a subscription (`bindings`) or given directly by the provider (`authorizations`). */
export interface SnapshotGrant {
  readonly appId: string;
  readonly apiIds: readonly string[];
  readonly environmentId: string;
  readonly subscriptionId: string | null;
}

export interface SnapshotSubscription {
  readonly id: string;
  readonly organizationId: string;
  readonly productId: string;
  readonly gatewayId: string;
  readonly status: SubscriptionStatus;
  /** Epoch ms until which access lasts whatever the status says (grace, cancellation at period end); null = no end. */
  readonly entitledUntil: number | null;
  /** The running window and those known to follow, ascending; a call belongs to the one that holds its admission instant (rule N7, N8). */
  readonly windows: readonly SnapshotWindow[];
}

export interface SnapshotWindow {
  /** `<period index>.<change index>`, unique within the subscription. */
  readonly key: string;
  readonly startAt: number;
  readonly endAt: number;
  readonly planVersionId: string;
}

export interface SnapshotPlanVersion {
  readonly id: string;
  readonly planId: string;
  readonly planName: string;
  readonly document: PlanDocument;
}
