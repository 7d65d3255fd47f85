import type { CircuitBoard } from '../cache/circuits.ts';
import type { Roster } from '../cache/roster.ts';
import type { Signals } from '../cache/signals.ts';
import type { KeyRing } from '../domain/credential.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Mailer } from '../mail/mailer.ts';
import type { Store } from '../store/index.ts';
import { makeAccess } from './access.ts';
import { makeAccessKeys } from './access-keys.ts';
import { makeAccounts } from './accounts.ts';
import { makeApps } from './apps.ts';
import { makeAuditRetention } from './audit-retention.ts';
import { makeAudit } from './audit.ts';
import { makeCatalog } from './catalog.ts';
import { makeChanges } from './changes.ts';
import { makeCredentials } from './credentials.ts';
import { makeLetters, makeReaders, makeStillMay } from './letters.ts';
import { makeKeyActors } from './key-actors.ts';
import { makeKeyWarnings } from './key-warnings.ts';
import { makeNotifications } from './notifications.ts';
import { makeEndpoints } from './endpoints.ts';
import { makeIdempotency } from './idempotency.ts';
import { makeImporting } from './openapi-import.ts';
import { makeDocumentReader } from './openapi/read.ts';
import { makeOrganizationQuotas } from './organization-quotas.ts';
import { keyAgeDaysMax, makeOrganizationRules, unmetByKey } from './organization-rules.ts';
import { makeOutbound } from './outbound.ts';
import { makePasskeys } from './passkeys.ts';
import { makePlanAnnouncements } from './plan-announcements.ts';
import { makeRecovery } from './recovery.ts';
import { makeResealing } from './resealing.ts';
import { makeRuleSuspensions } from './rule-suspensions.ts';
import { makeSecondFactor } from './second-factor.ts';
import { makeSessions } from './sessions.ts';
import { makeServiceAccounts } from './service-accounts.ts';
import { makeArrivals } from './sign-on-arrivals.ts';
import { makeSignOnFlow } from './sign-on-flow.ts';
import { makeSignOn } from './sign-on.ts';
import { makeGuardedFetch } from './guarded-fetch.ts';
import { testConnection } from './sign-on-test.ts';
import { makeStorefront } from './storefront.ts';
import { makeTokens } from './tokens.ts';
import { makePublicListener } from './public-listener.ts';
import { makeBackendCertificates, makeUpstreamTest } from './upstream-test.ts';
import { makeUsageTotals } from './usage-totals.ts';
import { makeEarnings } from './earnings.ts';
import { makeInvoicing, type Invoicing } from './invoicing.ts';
import { makeMailbox } from './mailbox.ts';
import { makeMembers } from './members.ts';
import { makeMetering } from './metering.ts';
import { makeSubscriptions, type Subscriptions } from './subscriptions.ts';
import type { Payments } from '../stripe/port.ts';
import { makeInbox } from './inbox.ts';
import { makeOperations } from './operations.ts';
import type { Queue } from '../queue/queue.ts';
import type { InboundHandlers } from '../stripe/events.ts';
import { makeClockControl } from './clock-control.ts';
import type { SimulatorControl } from '../stripe/simulator.ts';
import { makeOverview } from './overview.ts';

/** What the services stand on; made once by compose.ts. */
export interface Ground {
  readonly clock: Clock;
  /** The gateway’s address as callers see it. */
  readonly gatewayUrl: string;
  readonly ids: Ids;
  /** How long a period that ended waits for usage; stored on each period. */
  readonly latenessSeconds: number;
  readonly log: Log;
  readonly mailer: Mailer;
  readonly payments: Payments;
  readonly circuits: Pick<CircuitBoard, 'open'>;
  readonly platformFeeBps: bigint;
  /** Addresses for private connections, as they are given out. */
  readonly privateAddresses: readonly string[];
  readonly queue: Queue;
  readonly render: (view: string, model: Record<string, unknown>) => string;
  readonly roster: Roster;
  readonly secretKeys: KeyRing;
  readonly signals: Signals;
  /** Null with Stripe itself. */
  readonly simulator: SimulatorControl | null;
  readonly store: Store;
  /** `host:port` pairs of upstreams that may be private. */
  readonly upstreamAllow: ReadonlySet<string>;
  readonly webUrl: string;
}

/** The setting that holds the sandbox clock's offset; it only grows. */
export const CLOCK_OFFSET = 'clockOffsetMs';

/** What the roles may call. */
export type Services = ReturnType<typeof makeServices>;

export function makeServices(ground: Ground) {
  const {
    clock,
    gatewayUrl,
    ids,
    latenessSeconds,
    log,
    mailer,
    payments,
    circuits,
    platformFeeBps,
    privateAddresses,
    queue,
    render,
    roster,
    secretKeys,
    signals,
    simulator,
    store,
    upstreamAllow,
    webUrl,
  } = ground;
  const audit = makeAudit({ store, clock, ids });
  const auditRetention = makeAuditRetention({ store, audit, clock });
  const changes = makeChanges({ store, signals, roster, clock });
  const notifications = makeNotifications({ mailer, webUrl, render });
  const access = makeAccess({ store, clock, ids, audit });
  const sendLetter = makeLetters({ store, access, notifications, log });
  const tokens = makeTokens({ store, clock, ids });
  const accounts = makeAccounts({ store, clock, ids, audit, notifications, tokens });
  const secondFactor = makeSecondFactor({ store, accounts, clock, ids, audit, secretKeys });
  const passkeys = makePasskeys({ store, accounts, secondFactor, notifications, audit, clock, webUrl });
  const readers = makeReaders({ store, access });
  const recovery = makeRecovery({ store, accounts, audit, notifications, sendLetter, readers, stillMay: makeStillMay({ store, access }), tokens, clock, ids });
  const organizationRules = makeOrganizationRules({ store, audit, clock });
  const ruleSuspensions = makeRuleSuspensions({ store, audit, sendLetter, clock });
  const sessions = makeSessions({ store, clock, ids, audit });
  const guardedFetch = makeGuardedFetch(upstreamAllow);
  const signOn = makeSignOn({ store, access, audit, clock, ids, secretKeys, upstreamAllow });
  const arrivals = makeArrivals({ store, audit, notifications, clock, ids });
  const signOnFlow = {
    ...makeSignOnFlow({ store, signOn, arrivals, call: guardedFetch, clock, webUrl }),
    complete: arrivals.complete,
    test: (connection: { readonly issuer: string }) => testConnection(guardedFetch, connection, upstreamAllow),
  };
  const members = makeMembers({ store, clock, audit, access, tokens, notifications });
  const serviceAccounts = makeServiceAccounts({ store, clock, ids, audit, access });
  const organizationQuotas = makeOrganizationQuotas({ store, clock });
  const accessKeys = makeAccessKeys({ store, audit, clock, ids, notifications, secretKeys, keyAgeDaysMax });
  const keyActors = makeKeyActors({ store, clock, access, secretKeys, keyAgeDaysMax, restrictionsOf: unmetByKey });
  const keyWarnings = makeKeyWarnings({ store, clock, notifications, keyAgeDaysMax });
  const idempotency = makeIdempotency({ store, clock, ids });
  const apps = makeApps({ store, audit, clock, ids, changes });
  const catalog = makeCatalog({
    store,
    clock,
    ids,
    audit,
    changes,
    secretKeys,
    sendLetter,
    upstreamAllow,
    // Without Redis the sweep of the store begins it.
    deletionBegun: (gatewayId) => queue.enqueue('delete-gateway', { gatewayId }).catch(() => undefined),
    versionsChanged: () => queue.enqueue('announce-versions', {}).catch(() => undefined),
  });
  const reader = makeDocumentReader({ onFault: (error) => log.error({ err: error }, 'a document could not be read') });
  const importing = makeImporting({ store, clock, ids, audit, changes, upstreamAllow, reader });
  const upstreamTest = makeUpstreamTest({
    store,
    clock,
    constants: catalog.constants,
    certificates: makeBackendCertificates({ store, secretKeys }),
    outbound: makeOutbound({ allow: upstreamAllow, monotonic: clock.monotonic }),
  });
  const resealing = makeResealing({ store, changes, constants: catalog.constants, ids, secretKeys });
  const credentials = makeCredentials({ store, audit, clock, ids, changes, secretKeys });
  const storefront = makeStorefront({ store, signals, changes, log, gatewayUrl });
  const earnings = makeEarnings({ store, clock });
  const usageTotals = makeUsageTotals({ store, audit, clock, log });
  const metering = makeMetering({ store, totals: usageTotals, audit, clock });
  const endpoints = makeEndpoints({ store, clock, ids, audit, changes, sendLetter, addresses: privateAddresses });
  const publicListener = makePublicListener({ store, metering, clock, audit, changes });
  const mailbox = makeMailbox({ store, clock });
  // Invoices move subscriptions and subscriptions ask for invoices: one of the two has to be named before it is made.
  const invoicing: Invoicing = makeInvoicing({
    store,
    payments,
    usage: metering.reader,
    earnings,
    audit,
    clock,
    ids,
    log,
    platformFeeBps,
    subscriptions: () => subscriptions,
  });
  const subscriptions: Subscriptions = makeSubscriptions({ store, payments, invoicing, audit, changes, sendLetter, clock, ids, latenessSeconds, webUrl });
  const planAnnouncements = makePlanAnnouncements({ store, subscriptions, readers, notifications, audit, changes, clock, log });
  const handlers: InboundHandlers = {
    onCheckoutCompleted: (id) => subscriptions.onCheckoutCompleted(id),
    onCheckoutExpired: (id) => subscriptions.onCheckoutExpired(id),
    onInvoiceFinalized: (id) => invoicing.onInvoiceFinalized(id),
    onInvoicePaid: (id) => invoicing.onInvoicePaid(id),
    onInvoicePaymentFailed: (id) => invoicing.onInvoicePaymentFailed(id),
    onInvoiceUncollectible: (id) => invoicing.onInvoiceUncollectible(id),
    onInvoiceVoided: (id) => invoicing.onInvoiceVoided(id),
    onPaymentMethodChanged: (id) => subscriptions.onPaymentMethodChanged(id),
  };
  const inbox = makeInbox({ store, payments, handlers, enqueue: (eventId) => queue.enqueue('handle-inbound-event', { eventId }), audit, clock, log });
  const overview = makeOverview({ subscriptions, metering, invoicing, store });
  const operations = makeOperations({ store, earnings, invoicing, inbox, metering, usageTotals, circuits, queue, audit, clock });
  const jobsUnderWay = () =>
    queue.counts().then(
      (counts) => counts.reduce((sum, { waiting, active }) => sum + waiting + active, 0),
      () => null,
    );
  const clockControl = makeClockControl({
    store,
    invoicing,
    subscriptions,
    inbox,
    watermark: metering.watermark,
    jobsUnderWay,
    signals,
    clock,
    log,
    simulator,
    offsetSetting: CLOCK_OFFSET,
    owner: ids.uuid(),
  });
  return {
    access,
    accessKeys,
    accounts,
    apps,
    audit,
    auditRetention,
    catalog,
    changes,
    clock,
    clockControl,
    credentials,
    earnings,
    endpoints,
    idempotency,
    ids,
    importing,
    inbox,
    invoicing,
    keyActors,
    keyWarnings,
    mailbox,
    members,
    metering,
    notifications,
    operations,
    organizationQuotas,
    organizationRules,
    overview,
    passkeys,
    planAnnouncements,
    publicListener,
    recovery,
    resealing,
    ruleSuspensions,
    secondFactor,
    sessions,
    serviceAccounts,
    signOn,
    signOnFlow,
    storefront,
    subscriptions,
    upstreamTest,
    usageTotals,
  };
}
