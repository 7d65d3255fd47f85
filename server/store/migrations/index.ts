import { laterFields } from './0001-later-fields.ts';
import { carries } from './0002-carries.ts';
import { auditThings } from './0003-audit-things.ts';
import { oldSessions } from './0004-old-sessions.ts';
import { usageBoots } from './0005-usage-boots.ts';
import { placesOfGateways } from './0006-places-of-gateways.ts';
import { placesOfOrganizations } from './0007-places-of-organizations.ts';
import { earlierLosses } from './0008-earlier-losses.ts';
import { writeOffs } from './0009-write-offs.ts';
import { versionStandings } from './0010-version-standings.ts';
import type { Migration } from './step.ts';

/** In the order in which they run; the version of a database is the number of those it has behind it. New ones come at the end. */
export const MIGRATIONS: readonly Migration[] = [
  laterFields,
  carries,
  auditThings,
  oldSessions,
  usageBoots,
  placesOfGateways,
  placesOfOrganizations,
  earlierLosses,
  writeOffs,
  versionStandings,
];
