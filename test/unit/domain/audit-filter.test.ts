import { expect } from 'chai';
import { auditKeptFrom, filterOf, isActionPattern, thingsIn, type AuditFilter } from '../../../server/domain/audit-filter.ts';
import { isZone, localInstant, zoneOffsetMs } from '../../../server/domain/zone.ts';

const ALL: AuditFilter = { from: 0, to: 1, who: null, action: null, thing: null, outcome: null, address: null, requestId: null };
const RECORD = {
  at: 0,
  userId: 'usr_1',
  kind: 'user',
  action: 'apig:apis:create',
  address: '192.0.2.7',
  requestId: 'req_1',
  things: ['gw_1', 'api_1'],
  outcome: 'done' as const,
};
const takes = (filter: Partial<AuditFilter>): boolean => filterOf({ ...ALL, ...filter })(RECORD);

describe('a filter of the audit log', () => {
  it('takes an action by its name or a pattern, part by part', () => {
    for (const action of ['apig:apis:create', 'apig:apis:*', 'apig:*', '*:*:create', '*', 'apig:ap*:create']) expect(takes({ action }), action).to.equal(true);
    for (const action of ['apig:apis:delete', 'market:*', 'apig:api:*', 'pig:*']) expect(takes({ action }), action).to.equal(false);
    expect(['apig:apis:*', 'accounts:sign-in', '*'].map(isActionPattern)).to.deep.equal([true, true, true]);
    expect(['', 'apig:(a+)+$', 'a:b:c:d', '$ne', 'x'.repeat(41)].map(isActionPattern)).to.deep.equal([false, false, false, false, false]);
  });

  it('takes who, what, whence and how it ended; everything at once only where all is so', () => {
    expect(takes({ who: 'usr_1', thing: 'gw_1', outcome: 'done', address: '192.0.2.7', requestId: 'req_1' })).to.equal(true);
    for (const wrong of [
      { who: 'usr_2' },
      { who: 'system' },
      { thing: 'gw_2' },
      { outcome: 'refused' as const },
      { address: '192.0.2.8' },
      { requestId: 'req_2' },
    ])
      expect(takes({ who: 'usr_1', ...wrong }), JSON.stringify(wrong)).to.equal(false);
  });

  it('knows what a resource names, from the outermost', () => {
    expect(thingsIn('gateway:gw_1/group:grp_1/api:api_1')).to.deep.equal(['gw_1', 'grp_1', 'api_1']);
    expect(thingsIn('*')).to.deep.equal([]);
  });

  it('keeps a record for whole years at least, and moves on once a day', () => {
    const noon = Date.UTC(2030, 5, 15, 12);
    expect(auditKeptFrom(noon, 1)).to.be.at.most(Date.UTC(2029, 5, 15));
    expect(auditKeptFrom(noon + 3_600_000, 1)).to.equal(auditKeptFrom(noon, 1));
    expect(auditKeptFrom(noon + 86_400_000, 1) - auditKeptFrom(noon, 1)).to.equal(86_400_000);
  });
});

describe('a time as the clocks of a zone show it', () => {
  it('is the instant, in summer and in winter, east and west', () => {
    expect(localInstant('2026-07-01T15:00', 'Europe/Berlin')).to.equal(Date.UTC(2026, 6, 1, 13));
    expect(localInstant('2026-12-01T15:00', 'Europe/Berlin')).to.equal(Date.UTC(2026, 11, 1, 14));
    expect(localInstant('2026-07-01 15:00', 'America/New_York')).to.equal(Date.UTC(2026, 6, 1, 19));
    expect(localInstant('2026-07-01T15:00', 'UTC')).to.equal(Date.UTC(2026, 6, 1, 15));
    expect(zoneOffsetMs(Date.UTC(2026, 0, 1), 'Asia/Kathmandu')).to.equal(20_700_000);
  });

  it('is the first of two where clocks go back, and moves on where they skip', () => {
    // Berlin, 25 October 2026: 03:00 summer time becomes 02:00. 29 March 2026: 02:00 becomes 03:00.
    expect(localInstant('2026-10-25T02:30', 'Europe/Berlin')).to.equal(Date.UTC(2026, 9, 25, 0, 30));
    expect(localInstant('2026-03-29T02:30', 'Europe/Berlin')).to.equal(Date.UTC(2026, 2, 29, 1, 30));
  });

  it('is the end of a day where the day is the end', () => {
    expect(localInstant('2026-11-24', 'UTC')).to.equal(Date.UTC(2026, 10, 24));
    expect(localInstant('2026-11-24', 'UTC', true)).to.equal(Date.UTC(2026, 10, 25));
    expect(localInstant('2026-03-29', 'Europe/Berlin', true)! - localInstant('2026-03-29', 'Europe/Berlin')!).to.equal(23 * 3_600_000);
  });

  it('is nothing where there is no such day, time or zone', () => {
    for (const text of ['2026-02-30', '2026-11-24T24:00', '2026-11-24T10:60', 'yesterday', '2026-11-24T10:00Z', ''])
      expect(localInstant(text, 'UTC'), text).to.equal(undefined);
    expect(['UTC', 'Europe/Berlin', 'Asia/Kathmandu'].map(isZone)).to.deep.equal([true, true, true]);
    expect(['Mars/Base', '', '../../etc', 'a b'].map(isZone)).to.deep.equal([false, false, false, false]);
  });
});
