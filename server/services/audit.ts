import type { Actor } from '../domain/actor.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { AuditStore } from '../store/audit.ts';

export interface AuditEntry {
  /** An action of the catalogue, or `accounts:<verb>` for what a person does to the own account. */
  readonly action: string;
  /** `app:app_…`, `product:prd_…`, `*` */
  readonly resource: string;
  /** Whose log it belongs to, where that is not the actor's organization. */
  readonly organizationId?: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface Audit {
  /** One record per mutation, written after it took effect. Values of secret fields are replaced. */
  append(actor: Actor, entry: AuditEntry): Promise<void>;
  list(actor: Actor, range: { from: number; to: number }): ReturnType<AuditStore['ofOrganization']>;
}

const SECRET_FIELD = /secret|password|token|cipher|hash|appcode/i;

export function makeAudit({ store, clock, ids }: { store: { audit: AuditStore }; clock: Clock; ids: Ids }): Audit {
  return {
    async append(actor, { action, resource, organizationId, before = null, after = null }) {
      await store.audit.append({
        _id: ids.next('evt'),
        at: clock.now(),
        organizationId: organizationId ?? actor.organizationId,
        userId: actor.userId,
        kind: actor.kind,
        action,
        resource,
        address: actor.address,
        requestId: actor.requestId,
        before: withoutSecrets(before),
        after: withoutSecrets(after),
      });
    },
    list: (actor, { from, to }) => store.audit.ofOrganization(actor.organizationId, from, to),
  };
}

function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return Buffer.isBuffer(value) ? '[bytes]' : value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, SECRET_FIELD.test(key) ? '[secret]' : withoutSecrets(inner)]));
}
