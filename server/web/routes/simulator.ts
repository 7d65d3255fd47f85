import { Router } from 'express';
import { ACTIONS, type Action } from '../../domain/actions.ts';
import { ANYTHING, ORGANIZATION, explain, type Decision } from '../../domain/rights.ts';
import { parseAddress } from '../../domain/address.ts';
import type { Services } from '../../services/index.ts';
import { actorOf, may } from '../guards.ts';
import { choiceSpec, choiceValue, chosenId, memberChoices } from '../present/choice.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { documentPieces, services as kinds, verbWords } from '../present/permissions.ts';
import { isoUtc } from '../present/time.ts';
import { page } from '../render.ts';
import { targetOf } from '../targets.ts';
import { resourceChoices } from './access-kit.ts';

const RESOURCE = /^(?:\*|\/\*|(?:gateway|product|subscription):[\w*]*(?:\/(?:group|api):[\w*]+){0,2}(?:\/\*)?)$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:\.\d{1,3})?Z?$/;

const known = (action: string): action is Action => (ACTIONS as readonly string[]).includes(action) && !action.startsWith('platform:');

const FIELDS = {
  user: { label: 'Member', type: 'select', required: true },
  action: { label: 'Action', type: 'select', required: true },
  on: { label: 'Resource', type: 'select' },
  resource: { label: 'Or type a resource', placeholder: 'gateway:gw_…/group:grp_…', maxlength: 300, help: 'A subscription, an API, anything by its id.' },
  address: { label: 'Network address', required: true, maxlength: 60 },
  at: { label: 'Time (UTC)', type: 'text', required: true, placeholder: '2027-01-31T08:00:00Z', maxlength: 30 },
} satisfies Record<string, FieldSpec>;

/** May this member do that to this, from there, then? And which statement decides? All of the question is in the address. */
export function simulatorRoutes({ access, catalog, members }: Pick<Services, 'access' | 'catalog' | 'members'>): Router {
  const router = Router();
  router.get('/organization/policies/simulator', may('market:policies:get'), async (req, res) => {
    const actor = actorOf(req);
    const [people, choices] = await Promise.all([members.rows(actor), resourceChoices({ catalog }, actor)]);
    const given = (name: keyof typeof FIELDS, otherwise: string): string => {
      const value = req.query[name];
      return typeof value === 'string' && value.trim() !== '' ? value.trim() : otherwise;
    };
    const action = given('action', '');
    const typed = given('resource', '');
    const offered = choices.all.some(({ value }) => value === typed);
    const everybody = memberChoices(people);
    const named = given('user', actor.userId);
    const asked = {
      user: chosenId(everybody, named) ?? named,
      action,
      on: offered ? typed : given('on', ''),
      resource: offered ? '' : typed,
      address: given('address', actor.address),
      at: given('at', isoUtc(actor.at ?? 0)),
    };
    const at = Date.parse(asked.at.endsWith('Z') ? asked.at : `${asked.at}Z`);
    const faults: Record<string, string> = {};
    if (action !== '') {
      if (!known(action)) faults['action'] = 'Choose one of the actions.';
      if (!people.some(({ id }) => id === asked.user)) faults['user'] = 'Choose one of the members.';
      if (asked.resource !== '' && !RESOURCE.test(asked.resource))
        faults['resource'] = 'This is no resource: write gateway:<id>[/group:<id>[/api:<id>]], product:<id>, subscription:<id> or *.';
      if (parseAddress(asked.address) === null) faults['address'] = 'This is no network address.';
      if (!TIME.test(asked.at) || Number.isNaN(at)) faults['at'] = 'Write a time in UTC, as 2027-01-31T08:00:00Z.';
    }
    const { filter, choices: shown } = choices.filtered('/organization/policies/simulator', req.query, [asked.on]);
    const ready = action !== '' && Object.keys(faults).length === 0;
    const target = asked.resource || asked.on || (known(action) ? targetOf(action, {}) : '*');
    const decision = ready && known(action) ? await access.simulate(actor, { userId: asked.user, action, target, address: asked.address, at }) : null;
    const specs = {
      ...FIELDS,
      user: choiceSpec(FIELDS.user, everybody, 'Type an e-mail address.'),
      action: {
        ...FIELDS.action,
        options: [
          { value: '', label: 'Choose …' },
          ...kinds.flatMap(({ title, actions }) => actions.map((value) => ({ value, label: `${title}: ${verbWords(value)} – ${value}` }))),
        ],
      },
      on: { ...FIELDS.on, options: [{ value: '', label: 'Nothing in particular' }, ...shown] },
    };
    page(
      res,
      'organization/simulator',
      {
        form: formModel(specs, { ...asked, user: choiceValue(everybody, asked.user) }, faults),
        filter,
        decision: decision && known(action) ? decisionModel(decision, action, target, people.find(({ id }) => id === asked.user)?.name ?? '') : null,
        trail: [{ text: 'Policies', href: '/organization/policies' }, { text: 'Simulator' }],
      },
      action === '' || ready ? 200 : 422,
    );
  });
  return router;
}

/** Targets that name no single thing, in words. */
const PLACES: Readonly<Record<string, string>> = { [ANYTHING]: 'anything there is', [ORGANIZATION]: 'the organization as a whole' };

function decisionModel(decision: Decision, action: Action, target: string, name: string) {
  const { allowed, policy, statement } = decision;
  return {
    allowed,
    name,
    words: explain(decision, action),
    target,
    place: PLACES[target] ?? null,
    policy: policy && policy.id !== 'Self' ? { id: policy.id, name: policy.name } : null,
    document: policy ? { name: policy.name, pieces: documentPieces(policy.document, statement ?? null) } : null,
  };
}
