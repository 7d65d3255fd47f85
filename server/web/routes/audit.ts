import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import { AUDIT_YEARS } from '../../domain/audit-filter.ts';
import { isAllowed } from '../../domain/rights.ts';
import { isoUtc } from '../../kernel/clock.ts';
import type { Services } from '../../services/index.ts';
import type { AuditDoc } from '../../store/audit.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { actionWords, changesOf, zonedWords } from '../present/audit.ts';
import { AUDIT_DAYS, auditLink, CSV_DAYS_MAX, readAuditQuery, type AuditQuery } from '../present/audit-filter.ts';
import { streamCsv } from '../present/csv.ts';
import { choiceSpec, choiceValue, chosenId, type Choice } from '../present/choice.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { page } from '../render.ts';
import { press } from './provider-kit.ts';

const PAGE_SIZE = 50;
const DAY_MS = 86_400_000;
const PATH = '/organization/audit';

const RetentionForm = z.strictObject({ years: z.coerce.number().int() });
const WHO: FieldSpec = { label: 'Who', placeholder: 'somebody@example.com, system' };
const YEARS: FieldSpec = {
  label: 'Keep records for',
  type: 'select',
  required: true,
  options: AUDIT_YEARS.map((years) => ({ value: String(years), label: `${years} ${years === 1 ? 'year' : 'years'}` })),
};

/** The record of every change in the organization: looked through, taken along as a file, and how long it is kept. */
export function auditRoutes({
  audit,
  auditRetention,
  clock,
  members,
  serviceAccounts,
}: Pick<Services, 'audit' | 'auditRetention' | 'clock' | 'members' | 'serviceAccounts'>): Router {
  const router = Router();

  /** Whoever may have done something, as the field for it offers them. */
  const whoFor = async (req: Request): Promise<Choice[]> => {
    const [people, programs] = await Promise.all([members.rows(actorOf(req)), serviceAccounts.rows(actorOf(req))]);
    return [...people.map(({ id, name, email }) => ({ id, label: name, typed: email })), ...programs.map(({ id, name }) => ({ id, label: name, typed: name }))];
  };
  const namesOf = (known: readonly Choice[]): ReadonlyMap<string, string> => new Map(known.map(({ id, label }) => [id, label]));
  /** As the address asks, with the id of whoever was named otherwise. */
  async function asked(req: Request): Promise<{ readonly query: AuditQuery; readonly known: readonly Choice[] }> {
    const known = await whoFor(req);
    const query = readAuditQuery(req.query, clock.now());
    const who = chosenId(known, query.typed.who);
    return { known, query: who === undefined ? query : { ...query, typed: { ...query.typed, who }, filter: { ...query.filter, who } } };
  }
  const whoWords = ({ kind, userId, key }: Pick<AuditDoc, 'key' | 'kind' | 'userId'>, names: ReadonlyMap<string, string>): string => {
    const who = kind === 'system' ? 'System' : userId === '' ? 'Not signed in' : (names.get(userId) ?? userId);
    return key === undefined ? who : `${who} with key ${key}`;
  };

  async function show(req: Request, res: Response, { query, known }: Awaited<ReturnType<typeof asked>>): Promise<void> {
    const actor = actorOf(req);
    const [found, kept] = await Promise.all([audit.page(actor, query.filter, query.after, PAGE_SIZE), auditRetention.of(actor)]);
    const { typed, zone, faults } = query;
    const names = namesOf(known);
    const somebody = [
      { id: '', label: 'Anybody', typed: '' },
      ...known,
      ...(typed.who === '' || typed.who === 'system' || names.has(typed.who) ? [] : [{ id: typed.who, label: typed.who, typed: typed.who }]),
      { id: 'system', label: 'System', typed: 'system' },
    ];
    const link = (change: Parameters<typeof auditLink>[2]) => auditLink(PATH, query, change);
    page(
      res,
      'organization/audit',
      {
        filter: {
          ...typed,
          from: typed.from.replace(' ', 'T'),
          to: typed.to.replace(' ', 'T'),
          faults,
          any: Object.values(typed).some((value) => value !== ''),
          who: formModel({ who: choiceSpec(WHO, somebody, '') }, { who: choiceValue(somebody, typed.who) }).who,
          outcomes: [
            ['', 'Done or refused'],
            ['done', 'Done'],
            ['refused', 'Refused'],
          ].map(([value, label]) => ({ value, label, selected: value === typed.outcome })),
        },
        span: `${zonedWords(query.filter.from, zone)} up to ${zonedWords(query.filter.to, zone)}, ${zone}`,
        days: typed.from === '' ? AUDIT_DAYS : null,
        csv: auditLink(`${PATH}.csv`, query),
        records: found.records.map((record) => ({
          iso: isoUtc(record.at),
          when: zonedWords(record.at, zone),
          who: whoWords(record, names),
          words: actionWords(record.action),
          action: record.action,
          resource: record.resource,
          refused: record.outcome === 'refused',
          address: record.address,
          requestId: record.requestId,
          changes: changesOf(record.before, record.after),
          sameThing: link({ thing: record.things.at(-1) ?? '', from: '', to: '' }),
          sameRequest: link({ request: record.requestId }),
        })),
        newest: query.after === null ? null : auditLink(PATH, query),
        older: found.next === null ? null : auditLink(PATH, query, {}, found.next),
        lookedBackTo: found.lookedBackTo === null ? null : zonedWords(found.lookedBackTo, zone),
        kept,
        retention: isAllowed(actor, 'market:audit:update') ? formModel({ years: YEARS }, { years: kept.years }) : null,
      },
      Object.keys(faults).length > 0 ? 422 : 200,
    );
  }

  router.get(PATH, may('market:audit:get'), async (req, res) => show(req, res, await asked(req)));

  router.get(`${PATH}.csv`, may('market:audit:get'), async (req, res) => {
    const question = await asked(req);
    const { query, known } = question;
    const { filter, faults } = query;
    const isTooLong = filter.to - filter.from > CSV_DAYS_MAX * DAY_MS;
    if (isTooLong)
      return show(req, res, { known, query: { ...query, faults: { from: `A file holds at most ${CSV_DAYS_MAX} days: choose less.`, ...faults } } });
    if (Object.keys(faults).length > 0) return show(req, res, question);
    const names = namesOf(known);
    async function* rows() {
      for await (const records of audit.all(actorOf(req), filter))
        yield records.map((record) => [
          isoUtc(record.at),
          record.userId,
          whoWords(record, names),
          record.outcome,
          record.action,
          record.resource,
          record.address,
          record.requestId,
          jsonOf(record.before),
          jsonOf(record.after),
          record._id,
        ]);
    }
    await streamCsv(
      res,
      'audit.csv',
      ['time', 'who_id', 'who', 'outcome', 'action', 'resource', 'address', 'request_id', 'before', 'after', 'record_id'],
      rows(),
    );
  });

  router.post(
    '/organization/audit/retention',
    may('market:audit:update'),
    press(
      () => PATH,
      async (req) => {
        const { years } = parseForm(RetentionForm, req.body);
        await auditRetention.choose(actorOf(req), years);
        return `Records are kept for ${years} ${years === 1 ? 'year' : 'years'}.`;
      },
    ),
  );
  return router;
}

const jsonOf = (value: unknown): string => (value === null || value === undefined ? '' : JSON.stringify(value));
