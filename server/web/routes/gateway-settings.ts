import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import {
  EDITION_NAMES,
  EDITIONS,
  GATEWAY_NAME_MAX,
  TAG_KEY_MAX,
  TAG_VALUE_MAX,
  TAGS_MAX,
  WINDOW_START_DEFAULT,
  WINDOW_STARTS,
  windowWords,
  type Tag,
} from '../../domain/gateway-rules.ts';
import type { Services } from '../../services/index.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { grouped } from '../present/number.ts';
import { gatewayModel, gatewayTabs, gatewayTrail } from '../present/provider.ts';
import { page } from '../render.ts';
import { afterRefusal, body, listed, orAgain, part, press } from './provider-kit.ts';

const DESCRIPTION_MAX = 1_000;
const EMPTY_ROWS = 3;
const WINDOW_VALUES = WINDOW_STARTS.map(String);

/** A column of the rows of tags: sent once, several times, or not at all. */
const column = (max: number) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((value) => [value].flat())
    .pipe(z.array(z.string().trim().max(max)).max(TAGS_MAX + EMPTY_ROWS))
    .optional();

const GatewayForm = z.strictObject({
  name: field.name,
  description: field.text(DESCRIPTION_MAX),
  edition: z.enum(EDITION_NAMES).optional(),
  windowStart: z
    .enum(WINDOW_VALUES as [string, ...string[]])
    .transform(Number)
    .optional(),
  tagKey: column(TAG_KEY_MAX + 1),
  tagValue: column(TAG_VALUE_MAX + 1),
});
const ChangeForm = GatewayForm.extend({ rev: z.coerce.number().int() });
const MaintenanceForm = z.strictObject({ maintenance: z.enum(['on', 'off']) });

const FIELDS = {
  name: { label: 'Name', required: true, maxlength: GATEWAY_NAME_MAX, help: 'For your own eyes: a team, a stage, a region.' },
  description: { label: 'Description', type: 'textarea', rows: 3, maxlength: DESCRIPTION_MAX },
  edition: {
    label: 'Edition',
    type: 'radio',
    required: true,
    options: EDITION_NAMES.map((value) => ({
      value,
      label: EDITIONS[value].title,
      help: `${grouped(EDITIONS[value].apis)} APIs, and ${grouped(EDITIONS[value].callsPerSecond)} calls a second over all of them.`,
    })),
    help: 'It can be raised later, not lowered. A change is in force within a second.',
  },
  windowStart: {
    label: 'Maintenance window',
    type: 'select',
    options: WINDOW_STARTS.map((hour) => ({ value: String(hour), label: windowWords(hour) })),
    help: 'When you would rather have work done on it. By itself it refuses no call.',
  },
} satisfies Record<string, FieldSpec>;

/** Rows in which key and value are both empty are no tags. */
function tagsOf(keys: readonly string[] | undefined, values: readonly string[] | undefined): Tag[] | undefined {
  if (keys === undefined) return undefined;
  return keys.map((key, index) => ({ key, value: values?.[index] ?? '' })).filter(({ key, value }) => key !== '' || value !== '');
}

const texts = (value: unknown): string[] => (value === undefined ? [] : [value].flat().map(String));

/** The tags as stored or as typed, and empty rows for more. */
function tagRows(values: Readonly<Record<string, unknown>>) {
  const stored = values['tags'] as readonly Tag[] | undefined;
  const tags = stored ?? tagsOf(texts(values['tagKey']), texts(values['tagValue'])) ?? [];
  const empty = Math.min(EMPTY_ROWS, Math.max(0, TAGS_MAX - tags.length));
  return [...tags, ...Array.from({ length: empty }, () => ({ key: '', value: '' }))].map((tag, index) => ({ ...tag, number: index + 1 }));
}

/** The form of a gateway: its fields, its rows of tags, and what is wrong with either. */
const gatewayForm = (values: Readonly<Record<string, unknown>>, faults: Readonly<Record<string, string>>) => ({
  form: formModel(FIELDS, values, faults),
  tags: tagRows(values),
  tagsFault: faults['tags'] ?? null,
});

/** Make a gateway, change it, switch it to maintenance. */
export function gatewaySettingsRoutes({ catalog }: Pick<Services, 'catalog'>): Router {
  const router = Router();
  const settingsOf = (req: Request) => `/gateways/${encodeURIComponent(part(req, 'id'))}/settings`;

  const newGateway = (res: Response, values: Record<string, unknown> = { edition: 'basic', windowStart: WINDOW_START_DEFAULT }, faults = {}, status = 200) =>
    page(res, 'provider/gateway-new', { ...gatewayForm(values, faults), trail: [{ text: 'Gateways', href: '/gateways' }, { text: 'New' }] }, status);
  router.get('/gateways/new', may('apig:instances:create'), (_req, res) => newGateway(res));
  router.post('/gateways', may('apig:instances:create'), (req, res) =>
    orAgain(
      async () => {
        const { tagKey, tagValue, ...fields } = parseForm(GatewayForm, req.body);
        const gateway = await catalog.gateways.create(actorOf(req), { ...fields, tags: tagsOf(tagKey, tagValue) });
        flash(req, 'success', `${gateway.name} is ready, with the environment RELEASE. Add a group for your APIs.`);
        res.redirect(303, `/gateways/${gateway._id}/groups`);
      },
      (faults, status) => newGateway(res, body(req), faults, status),
    ),
  );

  const settings = async (req: Request, res: Response, values?: Record<string, unknown>, faults = {}, status = 200) => {
    const gateway = await catalog.gateways.get(actorOf(req), part(req, 'id'));
    const { edition, window, tags } = gatewayModel(gateway);
    const now = `its name is “${gateway.name}”, its description “${gateway.description}”, edition ${edition.title}, window ${window}, tags ${listed(tags.map(({ key, value }) => `${key}=${value}`))}`;
    const told = afterRefusal(req, { status, faults, what: 'this gateway', rev: gateway.rev, now });
    page(
      res,
      'provider/gateway-settings',
      {
        gateway: gatewayModel(gateway),
        tabs: gatewayTabs(gateway, 'settings'),
        trail: gatewayTrail(gateway),
        ...gatewayForm(values ?? { ...gateway }, told.faults),
        rev: told.rev,
      },
      status,
    );
  };
  router.get('/gateways/:id/settings', may('apig:instances:get'), (req, res) => settings(req, res));
  router.post('/gateways/:id/settings', may('apig:instances:update'), (req, res) =>
    orAgain(
      async () => {
        const { rev, tagKey, tagValue, ...fields } = parseForm(ChangeForm, req.body);
        await catalog.gateways.update(actorOf(req), part(req, 'id'), rev, { ...fields, tags: tagsOf(tagKey, tagValue) });
        flash(req, 'success', 'Saved.');
        res.redirect(303, settingsOf(req));
      },
      (faults, status) => settings(req, res, body(req), faults, status),
    ),
  );

  router.post(
    '/gateways/:id/maintenance',
    may('apig:instances:update'),
    press(settingsOf, async (req) => {
      const on = parseForm(MaintenanceForm, req.body).maintenance === 'on';
      await catalog.gateways.maintain(actorOf(req), part(req, 'id'), on);
      return on ? 'The gateway is under maintenance: its APIs answer 503.' : 'Maintenance is over: calls are served again.';
    }),
  );

  return router;
}
