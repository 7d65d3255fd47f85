import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { checkPolicyText, type PolicyFault } from '../../domain/policy-check.ts';
import type { Policy } from '../../domain/policy.ts';
import { isAllowed, PRESETS } from '../../domain/rights.ts';
import { AppError } from '../../kernel/errors.ts';
import { ROLES } from '../../services/access-policies.ts';
import type { Services } from '../../services/index.ts';
import type { PolicyDoc } from '../../store/access.ts';
import { flash } from '../flash.ts';
import { field, parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { faultLine, statementLines } from '../present/json-lines.ts';
import { documentPieces, statementWords } from '../present/permissions.ts';
import { BLANK, isStatementField, readStatements, reshaped, statementModels, statementsOf, textOf, type StatementForm } from '../present/policy-form.ts';
import { page } from '../render.ts';
import { ROLE_WORDS, resourceChoices } from './access-kit.ts';
import { afterRefusal, body, many, part, press, revisionOf } from './provider-kit.ts';

const TEXT_MAX = 100_000;
/** On a policy's page; the list of members has all of them. */
const HOLDERS_SHOWN = 20;

const Named = z.object({ name: field.title(64), description: field.line(255) });
const FIELDS = {
  name: { label: 'Name', required: true, maxlength: 64 },
  description: { label: 'Description', maxlength: 255 },
  text: { label: 'Document', type: 'textarea', required: true, rows: 22 },
} satisfies Record<string, FieldSpec>;

/** What the editor's form holds, in either of its two shapes. */
interface Draft {
  readonly editor: 'visual' | 'json';
  readonly name: string;
  readonly description: string;
  readonly rev: number | null;
  readonly statements: readonly StatementForm[];
  readonly text: string;
}

/** Of a policy that somebody else saved meanwhile, so much is told above the form. */
const NOW_CHARS_MAX = 600;
const KNOWN = new Set(['name', 'description', 'editor', 'press', 'rev', 'tag', 'text']);

/** By which tags of gateways the choices are filtered: in the address, or in the form with what was typed. A button takes one away. */
function tagsAsked(req: Request): string[] {
  const { tag, press: pressed } = req.method === 'POST' ? body(req) : req.query;
  return many(tag).filter((one) => pressed !== `untag-${one}`);
}

function readDraft(req: Request): Draft {
  const given = body(req);
  const strange = Object.keys(given).filter((name) => !KNOWN.has(name) && !isStatementField(name));
  if (strange.length > 0)
    throw new AppError('invalid-form', undefined, { fields: Object.fromEntries(strange.map((name) => [name, 'This form has no such field.'])) });
  const text = (name: string): string => (typeof given[name] === 'string' ? given[name] : '');
  return {
    editor: text('editor') === 'json' ? 'json' : 'visual',
    name: text('name'),
    description: text('description'),
    rev: /^[0-9]{1,15}$/.test(text('rev')) ? Number(text('rev')) : null,
    statements: readStatements(given),
    text: text('text').slice(0, TEXT_MAX),
  };
}

/** Policies of an organization: presets to read, own ones to write in a visual editor or as JSON. */
export function policyRoutes(services: Pick<Services, 'access' | 'catalog' | 'members'>): Router {
  const { access, members } = services;
  const router = Router();

  /** Who holds each policy. */
  async function holders(req: Request) {
    const [people, groups] = await Promise.all([members.rows(actorOf(req)), access.groups(actorOf(req))]);
    return (id: string) => ({
      members: people.filter((member) => member.policies.includes(id)).map((member) => ({ id: member.id, name: member.name })),
      groups: groups.filter(({ policies }) => policies.includes(id)).map(({ _id, name }) => ({ id: _id, name })),
    });
  }

  router.get('/organization/policies', may('market:policies:get'), async (req, res) => {
    const [own, heldBy] = [await access.policies(actorOf(req)), await holders(req)];
    const row = (id: string, name: string, description: string) => {
      const { members: people, groups } = heldBy(id);
      return { id, name, description, members: people.length, groups: groups.length };
    };
    page(res, 'organization/policies', {
      own: own.map(({ _id, name, description }) => row(_id, name, description)),
      presets: ROLES.map((name) => row(name, name, ROLE_WORDS[name])),
      mayCreate: isAllowed(actorOf(req), 'market:policies:create'),
    });
  });

  /** A preset by its name, or one of the organization's own. */
  async function find(req: Request, id: string): Promise<{ name: string; description: string; document: Policy; own: PolicyDoc | null }> {
    const role = ROLES.find((name) => name === id);
    if (role) return { name: role, description: ROLE_WORDS[role], document: PRESETS[role] as Policy, own: null };
    const own = await access.policy(actorOf(req), id);
    return { name: own.name, description: own.description, document: JSON.parse(own.text) as Policy, own };
  }

  async function show(
    req: Request,
    res: Response,
    draft: Draft,
    policy: PolicyDoc | null,
    faults: readonly PolicyFault[] = [],
    fields: Record<string, string> = {},
    status = 200,
  ) {
    const { filter, choices } = (await resourceChoices(services, actorOf(req))).filtered(
      req.path,
      { tag: tagsAsked(req) },
      draft.statements.flatMap(({ resources }) => resources),
    );
    const form = formModel(FIELDS, { ...draft }, fields);
    const begins = draft.editor === 'json' ? statementLines(draft.text) : [];
    const placed = faults.map(({ path, statement, message }) => {
      const line = statement === null ? (message.startsWith('This is not JSON') ? faultLine(draft.text) : null) : begins[statement];
      const where = [statement === null ? '' : `Statement ${statement + 1}`, draft.editor === 'json' && line ? `line ${line}` : ''].filter(Boolean).join(', ');
      const what = draft.editor === 'json' && statement !== null ? `${path.replace(/^Statement\[\d+\]\.?/, '')} ` : '';
      return {
        id: draft.editor === 'json' || statement === null ? (draft.editor === 'json' ? 'text' : null) : `statement-${statement + 1}`,
        message: where === '' ? message : `${where}: ${what.trim() === '' ? '' : what}${message}`,
      };
    });
    page(
      res,
      'organization/policy-edit',
      {
        policy: policy && { id: policy._id, name: policy.name },
        action: policy ? `/organization/policies/${policy._id}` : '/organization/policies',
        back: policy ? `/organization/policies/${policy._id}` : '/organization/policies',
        editor: draft.editor,
        visual: draft.editor === 'visual',
        rev: draft.rev ?? '',
        form,
        summary: { faults: [...form.faults, ...placed] },
        documentFaults: placed.map(({ message }) => message),
        statements: statementModels(draft.statements, choices, faults),
        filter,
        next: draft.statements.length + 1,
        trail: [
          { text: 'Policies', href: '/organization/policies' },
          ...(policy ? [{ text: policy.name, href: `/organization/policies/${policy._id}` }] : []),
          { text: policy ? 'Edit' : 'New policy' },
        ],
      },
      status,
    );
  }

  /** The form was sent: one of its buttons changes the form alone, or it is to be saved. */
  async function edited(
    req: Request,
    res: Response,
    policy: PolicyDoc | null,
    save: (fields: { name: string; description: string; text: string }) => Promise<string>,
  ) {
    const draft = readDraft(req);
    const press = body(req)['press'];
    const { all: choices } = await resourceChoices(services, actorOf(req));
    const made = draft.editor === 'visual' ? textOf(draft.statements) : { text: draft.text, faults: [] };
    if (press === 'json') {
      if (made.faults.length > 0) return show(req, res, draft, policy, made.faults, {}, 422);
      return show(req, res, { ...draft, editor: 'json', text: made.text }, policy);
    }
    if (press === 'visual') {
      const statements = statementsOf(draft.text, choices);
      if (statements) return show(req, res, { ...draft, editor: 'visual', statements }, policy);
      const { faults } = checkPolicyText(draft.text);
      const unshown = { path: '', statement: null, message: 'The visual editor cannot show all of this document.' };
      return show(req, res, draft, policy, faults.length > 0 ? faults : [unshown], {}, 422);
    }
    if (typeof press === 'string' && (press === 'tags' || press.startsWith('untag-'))) return show(req, res, draft, policy);
    const changed = draft.editor === 'visual' && typeof press === 'string' ? reshaped(press, draft.statements) : null;
    if (changed) return show(req, res, { ...draft, statements: changed.length > 0 ? changed : [BLANK] }, policy);
    try {
      const named = parseForm(Named, { name: draft.name, description: draft.description });
      if (made.faults.length > 0) throw new AppError('invalid-form');
      const id = await save({ ...named, text: made.text });
      flash(req, 'success', 'The policy is saved. It is in force from the next request on.');
      res.redirect(303, `/organization/policies/${id}`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === 'conflict') {
        const now = policy && (await access.policy(actorOf(req), policy._id));
        const words = now ? `its name is “${now.name}”, and its document ${JSON.stringify(JSON.parse(now.text))}`.slice(0, NOW_CHARS_MAX) : '';
        const told = afterRefusal(req, { status: 409, faults: { '': error.detail }, what: 'this policy', rev: now?.rev ?? 0, now: words });
        return show(req, res, { ...draft, rev: now ? Number(told.rev) : draft.rev }, policy, [], told.faults, 409);
      }
      if (error.code !== 'invalid-form') throw error;
      const { text: _, ...fields } = error.fields;
      return show(req, res, draft, policy, [...made.faults, ...checkPolicyText(made.text).faults], fields, 422);
    }
  }

  router.get('/organization/policies/new', may('market:policies:create'), async (req, res) => {
    const from = req.query['from'];
    const source = typeof from === 'string' && (from in PRESETS || isAllowed(actorOf(req), 'market:policies:get')) ? await find(req, from) : null;
    const text = source ? JSON.stringify(source.document, null, 2) : '';
    const statements = source ? statementsOf(text, (await resourceChoices(services, actorOf(req))).all) : [BLANK];
    await show(
      req,
      res,
      {
        editor: statements ? 'visual' : 'json',
        name: source ? `${source.name} (copy)`.slice(0, 64) : '',
        description: source?.description ?? '',
        rev: null,
        statements: statements ?? [],
        text,
      },
      null,
    );
  });
  router.post('/organization/policies', may('market:policies:create'), (req, res) =>
    edited(req, res, null, async (fields) => (await access.createPolicy(actorOf(req), fields))._id),
  );

  router.get('/organization/policies/:id', may('market:policies:get'), async (req, res) => {
    const actor = actorOf(req);
    const id = part(req, 'id');
    const { name, description, document, own } = await find(req, id);
    const { members: people, groups } = (await holders(req))(id);
    const names = new Map((await resourceChoices(services, actor)).all.map(({ value, label }) => [value, label]));
    page(res, 'organization/policy', {
      policy: { id, name, description },
      preset: own === null,
      statements: document.Statement.map((statement, index) => statementWords(statement, index, (resource) => names.get(resource) ?? '')),
      pieces: documentPieces(document, null),
      members: people.slice(0, HOLDERS_SHOWN),
      more: Math.max(0, people.length - HOLDERS_SHOWN),
      groups,
      held: people.length + groups.length > 0,
      mayCreate: isAllowed(actor, 'market:policies:create'),
      mayUpdate: own !== null && isAllowed(actor, 'market:policies:update'),
      mayDelete: own !== null && isAllowed(actor, 'market:policies:delete'),
      trail: [{ text: 'Policies', href: '/organization/policies' }, { text: name }],
    });
  });
  router.get('/organization/policies/:id/edit', may('market:policies:update'), async (req, res) => {
    const policy = await access.policy(actorOf(req), part(req, 'id'));
    const statements = statementsOf(policy.text, (await resourceChoices(services, actorOf(req))).all);
    const editor = statements && req.query['editor'] !== 'json' ? 'visual' : 'json';
    await show(
      req,
      res,
      { editor, name: policy.name, description: policy.description, rev: policy.rev, statements: statements ?? [], text: policy.text },
      policy,
    );
  });
  router.post('/organization/policies/:id', may('market:policies:update'), async (req, res) => {
    const policy = await access.policy(actorOf(req), part(req, 'id'));
    await edited(req, res, policy, async (fields) => {
      await access.updatePolicy(actorOf(req), policy._id, revisionOf(req), fields);
      return policy._id;
    });
  });
  router.post(
    '/organization/policies/:id/deletion',
    may('market:policies:delete'),
    press(
      (req, gone) => `/organization/policies${gone ? '' : `/${part(req, 'id')}`}`,
      async (req) => {
        const policy = await access.policy(actorOf(req), part(req, 'id'));
        await access.removePolicy(actorOf(req), policy._id);
        return `The policy “${policy.name}” is deleted.`;
      },
    ),
  );
  return router;
}
