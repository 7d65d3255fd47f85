import type { Request, Response } from 'express';
import { z } from 'zod';
import { ACCESS_KEY_KINDS, ACCESS_KEYS_MAX } from '../../domain/access-key.ts';
import { ROTATION_OVERLAPS, type RotationOverlap } from '../../domain/credential.ts';
import type { AccessKeyView } from '../../services/access-key-views.ts';
import type { IssuedKey, KeyFields } from '../../services/access-keys.ts';
import { field, parseForm } from '../forms.ts';
import { issuedKeyModel, keyModel, LIFE_VALUES, lifeDaysOf, lifePreset, newKeyFields } from '../present/access-key.ts';
import { OVERLAP_OPTIONS } from '../present/credential.ts';
import { formModel } from '../present/form.ts';
import { page } from '../render.ts';

const NewKeyForm = z.strictObject({ kind: z.enum(ACCESS_KEY_KINDS), name: field.line(64), life: z.enum(LIFE_VALUES), requestId: field.requestId });
const RotationForm = z.strictObject({ overlap: z.enum(Object.keys(ROTATION_OVERLAPS) as [RotationOverlap, ...RotationOverlap[]]), requestId: field.requestId });

/** @throws invalid-form */
export function readNewKey(req: Request): KeyFields {
  const { life, ...rest } = parseForm(NewKeyForm, req.body);
  return { ...rest, lifeDays: lifeDaysOf(life) };
}

/** @throws invalid-form */
export const readRotation = (req: Request): { readonly overlap: RotationOverlap; readonly requestId: string } => parseForm(RotationForm, req.body);

/** On a holder's page; the list of the organization's keys has all of them. */
const ENDED_SHOWN = 25;

interface Asked {
  /** Where the keys are made, rotated and revoked. */
  readonly base: string;
  readonly ageDaysMax: number | null;
  readonly requestId: string;
  readonly typed?: Record<string, unknown>;
  readonly faults?: Record<string, string>;
}

/** The keys of one holder, and the form for another one, as `partials/key-list` and `partials/key-form` show them. */
export function keysModel(keys: readonly AccessKeyView[], { base, ageDaysMax, requestId, typed, faults }: Asked) {
  const all = keys.map((key) => keyModel(key, base));
  const ended = all.filter(({ revocable }) => !revocable);
  return {
    keys: all.filter(({ revocable }) => revocable),
    ended: ended.slice(0, ENDED_SHOWN),
    endedMore: Math.max(0, ended.length - ENDED_SHOWN),
    endedTotal: ended.length,
    ending: all.filter(({ state, replaced }) => state === 'expiring' && !replaced).length,
    old: all.filter(({ tooOld }) => tooOld).length,
    base,
    ageDaysMax,
    keysMax: ACCESS_KEYS_MAX,
    overlaps: OVERLAP_OPTIONS,
    requestId,
    keyForm: formModel(newKeyFields(ageDaysMax), typed ?? { kind: 'token', life: lifePreset(ageDaysMax) }, faults, 'key-'),
  };
}

/** The only time a secret is shown: the answer to the form itself, kept by nobody. */
export function showKeyOnce(
  res: Response,
  issued: IssuedKey,
  place: {
    readonly webUrl: string;
    readonly back: string;
    readonly trail: readonly unknown[];
    readonly replaced?: { readonly hint: string; readonly endsAt: number | null };
  },
): void {
  const { webUrl, back, trail, replaced = null } = place;
  page(res, 'organization/key-issued', { ...issuedKeyModel(issued, webUrl), replaced, back, trail: [...trail, { text: 'New key' }] }, 201);
}
