import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Services } from '../../services/index.ts';
import { slice } from '../../services/kept-lists.ts';
import type { ImportSettings } from '../../services/openapi-import.ts';
import { DOCUMENT_BYTES_MAX } from '../../services/openapi/reading.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { counted } from '../present/number.ts';
import { pageOf, pagination } from '../present/pagination.ts';
import { gatewayModel, groupModel, groupTrail, importCounts, importLineModel } from '../present/provider.ts';
import { page } from '../render.ts';
import { body, orAgain, part, upload, uploaded } from './provider-kit.ts';

const LINES_PAGE_SIZE = 100;
const TEXT_SHOWN_MAX = 1_000_000;
/** Shown on the page; the rest is counted. */
const FAULTS_SHOWN = 50;
const UNFIT_SHOWN = 5;

const ImportForm = z.strictObject({
  text: z.string().max(DOCUMENT_BYTES_MAX).default(''),
  origin: z.string().trim().max(512).default(''),
  security: z.enum(['APP', 'NONE']).default('APP'),
  appCode: field.checkbox,
  timeoutMs: z
    .string()
    .trim()
    .regex(/^[1-9][0-9]{0,5}$/, 'A whole number of milliseconds, at most 600000')
    .default('5000'),
  mode: z.enum(['merge', 'override']).default('merge'),
});

const FIELDS = {
  document: {
    label: 'Document',
    type: 'file',
    accept: '.json,.yaml,.yml,application/json,application/yaml,text/yaml',
    help: 'OpenAPI 3.0 or 3.1, or Swagger 2.0, as JSON or YAML, at most 16 MiB and 3,000 operations.',
  },
  text: { label: 'Or paste it', type: 'textarea', rows: 6 },
  origin: {
    label: 'Address of the backend',
    maxlength: 512,
    placeholder: 'https://api.example.com',
    help: 'Scheme, host and port. Empty: the servers that the document names.',
  },
  security: {
    label: 'Who may call',
    type: 'radio',
    required: true,
    options: [
      { value: 'APP', label: 'Apps with a credential (APP)', help: 'Needed for everything that is sold.' },
      { value: 'NONE', label: 'Everybody (NONE)' },
    ],
  },
  appCode: { label: 'AppCodes are accepted beside signatures', type: 'checkbox' },
  timeoutMs: { label: 'Timeout of each call', type: 'number', min: 1, max: 600_000, suffix: 'ms' },
  mode: {
    label: 'APIs that the group has already',
    type: 'radio',
    required: true,
    options: [
      {
        value: 'merge',
        label: 'Merge',
        help: 'New operations are added. Known ones take texts and parameters from the document and keep security, timeouts and hidden values as they were set here.',
      },
      {
        value: 'override',
        label: 'Override',
        help: 'Known operations become exactly what the document says; drafts that it does not name are removed. What is live or sold stays.',
      },
    ],
  },
} satisfies Record<string, FieldSpec>;

/** Import of an OpenAPI document: upload, a report of what would happen, and then only if it is wanted. */
export function importRoutes({ catalog, importing }: Pick<Services, 'catalog' | 'importing'>, { gatewayUrl }: { gatewayUrl: string }): Router {
  const router = Router();

  async function place(req: Request) {
    const actor = actorOf(req);
    const [gateway, group] = await Promise.all([
      catalog.gateways.get(actor, part(req, 'id')),
      catalog.groups.get(actor, part(req, 'id'), part(req, 'groupId')),
    ]);
    return { gateway, group, here: `/gateways/${gateway._id}/groups/${group._id}` };
  }

  const form = async (req: Request, res: Response, values: Record<string, unknown>, faults = {}, status = 200) => {
    const { gateway, group, here } = await place(req);
    const kept = await importing.list(actorOf(req), gateway._id, group._id);
    page(
      res,
      'provider/import',
      {
        gateway: gatewayModel(gateway),
        group: groupModel(group, gatewayUrl),
        trail: groupTrail(gateway, group, { text: 'Import' }),
        form: formModel(FIELDS, values, faults),
        here,
        kept,
      },
      status,
    );
  };
  router.get('/gateways/:id/groups/:groupId/imports/new', may('apig:apis:import'), (req, res) =>
    form(req, res, { security: 'APP', appCode: true, timeoutMs: 5_000, mode: 'merge' }),
  );
  router.post(
    '/gateways/:id/groups/:groupId/imports',
    may('apig:apis:import'),
    upload('document', { bytesMax: DOCUMENT_BYTES_MAX, fieldBytesMax: DOCUMENT_BYTES_MAX }),
    (req, res) =>
      orAgain(
        async () => {
          const { text, timeoutMs, ...rest } = parseForm(ImportForm, body(req));
          const settings: ImportSettings = { ...rest, timeoutMs: Number(timeoutMs) };
          const file = uploaded(req);
          const { gateway, group, here } = await place(req);
          const ordinal = await importing.upload(actorOf(req), gateway._id, group._id, file.length > 0 ? file : Buffer.from(text), settings);
          res.redirect(303, `${here}/imports/${ordinal}`);
        },
        (faults, status) => form(req, res, shortened(body(req)), faults, status),
      ),
  );

  router.get('/gateways/:id/groups/:groupId/imports/:ordinal', may('apig:apis:import'), async (req, res) => {
    const { gateway, group, here } = await place(req);
    const preview = await importing.preview(actorOf(req), gateway._id, group._id, ordinalOf(req));
    const only = String(req.query['only'] ?? '');
    const lines = preview.lines
      .map(importLineModel)
      .filter(({ action, notes }) => only === '' || (only === 'noted' ? notes.length > 0 && action !== 'refuse' : action === only));
    const number = pageOf(req.query['page']);
    const path = `${here}/imports/${preview.ordinal}`;
    const counts = importCounts(preview.lines);
    const tab = (text: string, value: string, count: number) => ({ text, href: value === '' ? path : `${path}?only=${value}`, count, current: only === value });
    page(res, 'provider/import-report', {
      gateway: gatewayModel(gateway),
      group: groupModel(group, gatewayUrl),
      trail: groupTrail(gateway, group, { text: 'Import' }),
      here,
      path,
      counts,
      document: {
        title: preview.reading.title || 'Untitled',
        format: preview.reading.format,
        notes: preview.reading.notes,
        faults: preview.reading.faults.slice(0, FAULTS_SHOWN),
        faultCount: preview.reading.faults.length + preview.reading.moreFaults,
        moreFaults: Math.max(0, preview.reading.faults.length + preview.reading.moreFaults - FAULTS_SHOWN),
      },
      override: preview.settings.mode === 'override',
      importedAt: preview.importedAt,
      tabs: [
        tab('All', '', preview.lines.length),
        tab('New', 'create', counts.created),
        tab('Changed', 'update', counts.updated),
        tab('With notes', 'noted', counts.noted),
        tab('Refused', 'refuse', counts.refused),
        ...(counts.removed > 0 ? [tab('Removed', 'remove', counts.removed)] : []),
        ...(counts.kept > 0 ? [tab('Kept', 'keep', counts.kept)] : []),
      ],
      lines: slice(lines, number, LINES_PAGE_SIZE).rows,
      pages: pagination(path, req.query, { page: number, size: LINES_PAGE_SIZE, total: lines.length }),
    });
  });
  router.post('/gateways/:id/groups/:groupId/imports/:ordinal/application', may('apig:apis:import'), async (req, res) => {
    const { gateway, group, here } = await place(req);
    const { created, updated, removed, missed, unfit } = await importing.apply(actorOf(req), gateway._id, group._id, ordinalOf(req));
    const parts = [
      created.length > 0 && `${counted(created.length, 'API')} added`,
      updated > 0 && `${counted(updated, 'API')} changed`,
      removed > 0 && `${counted(removed, 'draft')} removed`,
    ].filter(Boolean);
    flash(
      req,
      parts.length > 0 ? 'success' : 'info',
      parts.length > 0 ? `${parts.join(', ')}. Callers see none of it before it is published.` : 'Nothing had to change.',
    );
    if (missed > 0)
      flash(req, 'warning', `${counted(missed, 'operation was', 'operations were')} left as somebody else had just changed them. Look at the report again.`);
    if (unfit.length > 0)
      flash(
        req,
        'warning',
        `${counted(unfit.length, 'operation')} did not fit into the gateway, as others were added meanwhile: ${unfit.slice(0, UNFIT_SHOWN).join(', ')}${unfit.length > UNFIT_SHOWN ? ' …' : ''}`,
      );
    res.redirect(303, unfit.length > 0 ? `${here}/imports/${ordinalOf(req)}?only=refuse` : here);
  });
  return router;
}

/** A pasted document comes back with its faults while a page can carry it. */
const shortened = (typed: Record<string, unknown>): Record<string, unknown> =>
  String(typed['text'] ?? '').length > TEXT_SHOWN_MAX ? { ...typed, text: '' } : typed;

const ordinalOf = (req: Request): number => (/^[1-9][0-9]{0,8}$/.test(part(req, 'ordinal')) ? Number(part(req, 'ordinal')) : 0);
