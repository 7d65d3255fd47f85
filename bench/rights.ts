// What one permission decision costs with a hundred statements held: `npm run bench:rights`. Goal: below 20 µs. Pure functions, no engine needed.
import { ACTIONS, type Action } from '../server/domain/actions.ts';
import type { Actor } from '../server/domain/actor.ts';
import type { Statement } from '../server/domain/policy.ts';
import { decide } from '../server/domain/rights.ts';

const STATEMENTS = 100;
const DECISIONS = 200_000;
const GOAL_MICROS = 20;

/** The dearest shape: every statement speaks of the action, of several single resources, under conditions on address, time and tag, and only the last fits. */
const statements = Array.from({ length: STATEMENTS }, (_, i): Statement => ({
  Effect: i % 2 === 0 && i < STATEMENTS - 1 ? 'Deny' : 'Allow',
  Action: ['apig:*', 'market:*'],
  Resource: i === STATEMENTS - 1 ? ['gateway:*'] : [`gateway:gw_${i}`, `gateway:gw_x/group:grp_${i}`, `product:prd_${i}`, `subscription:sub_${i}`],
  Condition: {
    IpAddress: { 'g:SourceIp': ['10.0.0.0/8', '192.0.2.0/24', '2001:db8::/32'] },
    DateGreaterThan: { 'g:CurrentTime': ['2026-01-01T00:00:00Z'] },
    StringMatch: { 'g:ResourceTag/team': ['maps*', 'cards*'] },
  },
}));
const held = Array.from({ length: 10 }, (_, i) => ({
  id: `pol_${i}`,
  name: `Policy ${i}`,
  via: '',
  document: { Version: '1.1' as const, Statement: statements.slice(i * 10, (i + 1) * 10) },
}));
const actor: Actor = {
  kind: 'user',
  userId: 'usr_1',
  organizationId: 'org_1',
  policies: held,
  address: '10.1.2.3',
  requestId: 'bench',
  at: Date.UTC(2027, 0, 1),
};
const tags = { team: 'maps-eu' };
const actions: readonly Action[] = ACTIONS.filter((action) => action.startsWith('apig:apis:'));

const target = 'gateway:gw_x/group:grp_none/api:api_1';
const answer = decide(actor, 'apig:apis:update', target, tags);
if (!answer.allowed || answer.policy?.id !== 'pol_9' || answer.statement !== 9) throw new Error(`wrong answer: ${JSON.stringify(answer)}`);
if (decide({ ...actor, address: '198.51.100.1' }, 'apig:apis:update', target, tags).allowed) throw new Error('wrong answer: a condition is ignored');

const rounds = Array.from({ length: 7 }, () => {
  const startedAt = performance.now();
  let allowed = 0;
  for (let i = 0; i < DECISIONS; i += 1) if (decide(actor, actions[i % actions.length] as Action, target, tags).allowed) allowed += 1;
  if (allowed !== DECISIONS) throw new Error('wrong answers');
  return ((performance.now() - startedAt) * 1_000) / DECISIONS;
}).toSorted((a, b) => a - b);
const median = rounds[3] ?? Infinity;
console.log(
  `one decision, ${STATEMENTS} statements with conditions: ${median.toFixed(2)} µs (${rounds[0]?.toFixed(2)} to ${rounds[6]?.toFixed(2)}); goal ${GOAL_MICROS} µs`,
);
process.exitCode = median < GOAL_MICROS ? 0 : 1;
