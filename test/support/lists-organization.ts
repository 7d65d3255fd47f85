import { SERVICE_ACCOUNTS_MAX } from '../../server/services/service-accounts.ts';
import type { ListPage, ListsGround } from './lists-ground.ts';

const DAY_MS = 86_400_000;

/** The people of an organization and what they have: members, invitations, keys, service accounts, sessions, records of the audit log. */
export async function fillOrganization({ portal, owner, actor, size, many, at, letters, insert }: ListsGround) {
  const { services, store, ids, clock } = portal.composition;
  const { organizationId } = owner;
  const now = clock.now();
  const group1 = await services.access.createGroup(actor, { name: 'Everybody', description: '', policies: ['Developer'] });
  const policy = await services.access.createPolicy(actor, {
    name: 'Reads gateways',
    description: '',
    text: JSON.stringify({ Version: '1.1', Statement: [{ Effect: 'Allow', Action: ['apig:instances:get'] }] }),
  });
  const people = many(size - 1, (n) => ({
    _id: ids.next('usr'),
    email: `member${n}@example.test`,
    name: `Member ${n}`,
    passwordHash: 'none',
    verifiedAt: now,
    createdAt: at(n),
  }));
  await insert('User', people);
  await insert(
    'Membership',
    people.map(({ _id }, n) => ({
      _id: `${organizationId}.${_id}`,
      organizationId,
      userId: _id,
      policies: [policy._id],
      groups: n % 2 === 0 ? [group1._id] : [],
      createdAt: at(n),
      rev: 1,
    })),
  );
  await insert(
    'Token',
    many(size, (n) => ({
      _id: `${n}`.padStart(64, '0'),
      purpose: 'invite',
      userId: '',
      email: `invited${n}@example.test`,
      organizationId,
      policies: ['Developer'],
      groups: [],
      passwordMark: '',
      usedAt: null,
      expiresAt: new Date(clock.real() + DAY_MS + n),
    })),
  );
  await insert(
    'AccessKey',
    people.map(({ _id }, n) => ({
      _id: ids.next('key'),
      organizationId,
      holderKind: 'user',
      holderId: n % 2 === 0 ? _id : owner.userId,
      kind: 'token',
      name: `Key ${n}`,
      accessKey: null,
      hash: letters() + n,
      secretCipher: null,
      hint: 'tgt_…',
      lifeDays: null,
      notAfter: null,
      revokedAt: n % 2 === 0 ? null : at(n),
      live: n % 2 === 0,
      place: 0,
      rotatedFrom: null,
      lastUsedAt: null,
      lastUsedFrom: '',
      warnedOf: null,
      createdAt: at(n),
      createdBy: _id,
    })),
  );
  for (let n = 0; n < Math.min(size, SERVICE_ACCOUNTS_MAX); n += 1)
    await services.serviceAccounts.create(actor, { name: `Program ${n}`, purpose: '', policies: ['Developer'], groups: [] });
  const [opened] = await store.connection.model('Session').collection.find({ userId: owner.userId, ended: false }).toArray();
  if (!opened) throw new Error('nobody is signed in');
  await insert(
    'Session',
    many(size, (n) => ({ ...opened, _id: letters() + n, agent: 'Mozilla/5.0', openedAt: at(n), seenAt: at(n) })),
  );
  await insert(
    'Audit',
    many(size, (n) => ({
      _id: ids.next('evt'),
      at: at(n),
      organizationId,
      userId: owner.userId,
      kind: 'user',
      action: 'apig:groups:create',
      resource: 'gateway:gw_none',
      things: ['gw_none'],
      outcome: 'done',
      address: '192.0.2.7',
      requestId: 'req_1',
      before: null,
      after: null,
    })),
  );
  const pages: readonly ListPage[] = [
    { name: 'audit', path: '/organization/audit', who: 'owner', shows: 50, pagers: 1 },
    { name: 'members', path: '/organization/members', who: 'owner', shows: 75, pagers: 2 },
    { name: 'members by name', path: '/organization/members?q=member+1', who: 'owner', shows: 75, pagers: 2 },
    { name: 'a member', path: `/organization/members/${owner.userId}`, who: 'owner', shows: 0, pagers: 0 },
    { name: 'groups of users', path: '/organization/groups', who: 'owner', shows: 0, pagers: 0 },
    { name: 'a group of users', path: `/organization/groups/${group1._id}`, who: 'owner', shows: 0, pagers: 1 },
    { name: 'policies', path: '/organization/policies', who: 'owner', shows: 0, pagers: 0 },
    { name: 'a policy', path: `/organization/policies/${policy._id}`, who: 'owner', shows: 0, pagers: 0 },
    { name: 'simulator', path: `/organization/policies/simulator?user=member7@example.test&action=apig:instances:get`, who: 'owner', shows: 0, pagers: 0 },
    { name: 'keys', path: '/organization/keys?state=all', who: 'owner', shows: 0, pagers: 1 },
    { name: 'own keys', path: '/account/keys', who: 'owner', shows: 0, pagers: 0 },
    { name: 'service accounts', path: '/organization/service-accounts', who: 'owner', shows: 0, pagers: 0 },
    { name: 'sessions', path: '/account/sessions', who: 'owner', shows: 25, pagers: 1 },
  ];
  return { pages };
}
