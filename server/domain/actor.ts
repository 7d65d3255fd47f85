import type { Policy } from './policy.ts';

/** A policy as somebody holds it. */
export interface HeldPolicy {
  /** `pol_…`, or the preset's name. */
  readonly id: string;
  readonly name: string;
  /** How it came to be held: `the group “Partners”`; empty: directly. */
  readonly via: string;
  readonly document: Policy;
}

/** Who acts. Every service verb takes one first, so that rights, audit and masking never depend on ambient state. */
export interface Actor {
  readonly kind: 'user' | 'key' | 'system';
  /** `usr_…`, or `sva_…` of a service account; empty for the system. */
  readonly userId: string;
  /** The organization acted for, `org_…`; empty for the system and for a visitor. */
  readonly organizationId: string;
  /** Policies held in that organization, directly or through groups: presets of `rights.ts` by their name, the organization's own as documents. */
  readonly policies: readonly (string | HeldPolicy)[];
  /** Network address the request came from; empty for the system. */
  readonly address: string;
  readonly requestId: string;
  /** When the request came, epoch ms of the real clock. */
  readonly at?: number;
  /** The access key that a program came with: `key_…`, and what may be shown of it. */
  readonly key?: { readonly id: string; readonly hint: string };
  /** Rules of the organization that this sign-in does not fulfil, in words: until it does, nothing but the own account is open. */
  readonly restrictions?: readonly string[];
}

/** Operators are members of this organization. */
export const PLATFORM_ORGANIZATION = 'org_platform';

export const SYSTEM: Actor = { kind: 'system', userId: '', organizationId: '', policies: [], address: '', requestId: 'system' };

/** Does a service account act, a member that is a program? Its id says so, whichever key it came with. */
export const isServiceAccount = ({ userId }: Pick<Actor, 'userId'>): boolean => userId.startsWith('sva_');

export const isOperator = (actor: Actor): boolean => actor.kind === 'system' || actor.organizationId === PLATFORM_ORGANIZATION;
