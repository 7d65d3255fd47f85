/** Who acts. Every service verb takes one first, so that rights, audit and masking never depend on ambient state. */
export interface Actor {
  readonly kind: 'user' | 'key' | 'system';
  /** `usr_…`; empty for the system. */
  readonly userId: string;
  /** The organization acted for, `org_…`; empty for the system and for a visitor. */
  readonly organizationId: string;
  /** Policy names of the membership acted under: presets of `rights.ts`. */
  readonly policies: readonly string[];
  /** Network address the request came from; empty for the system. */
  readonly address: string;
  readonly requestId: string;
}

/** Operators are members of this organization. */
export const PLATFORM_ORGANIZATION = 'org_platform';

export const SYSTEM: Actor = { kind: 'system', userId: '', organizationId: '', policies: [], address: '', requestId: 'system' };

export const isOperator = (actor: Actor): boolean => actor.kind === 'system' || actor.organizationId === PLATFORM_ORGANIZATION;
