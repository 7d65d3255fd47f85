import { z } from 'zod';
import { ACCESS_KEY_KINDS, KEY_LIVES_DAYS } from '../../domain/access-key.ts';
import { ACTIONS } from '../../domain/actions.ts';
import { ROTATION_OVERLAPS, type RotationOverlap } from '../../domain/credential.ts';
import { EDITION_NAMES } from '../../domain/gateway-rules.ts';
import { QUOTA_KINDS } from './quota-list.ts';

/** What is answered and taken, by the names it has in the document. */
export const named = new Map<string, z.ZodType>();

function name<S extends z.ZodType>(title: string, schema: S): S {
  named.set(title, schema);
  return schema;
}

const Time = z.iso.datetime().describe('UTC, ISO 8601.');
const Integer = z.union([z.int(), z.string().regex(/^-?[1-9][0-9]*$/)]).describe('A string beyond ±(2⁵³−1).');
const timeOrNull = Time.nullable();

/** A list: a part of it, and where it goes on. */
const listOf = <S extends z.ZodType>(title: string, item: S) =>
  name(`${title}List`, z.strictObject({ items: z.array(item), next: z.string().nullable().describe('Null: this was the last part.') }));

const Tag = z.strictObject({ key: z.string(), value: z.string() });
const Named = z.strictObject({ id: z.string(), name: z.string() });

export const Me = name(
  'Me',
  z.strictObject({
    acts_as: z.strictObject({ kind: z.enum(['service_account', 'user']), id: z.string(), name: z.string(), email: z.string().nullable() }),
    key: z.strictObject({ id: z.string(), hint: z.string(), name: z.string(), ends_at: timeOrNull }),
    organization: Named,
    policies: z.array(z.strictObject({ id: z.string(), name: z.string(), through: z.string().nullable() })),
    actions: z.array(z.enum(ACTIONS)).describe('What it may do to something at least; a policy can limit an action to single things.'),
    restrictions: z.array(z.string()).describe('Rules of the organization that this request does not fulfil: nothing but this answer is open.'),
  }),
);

export const Gateway = name(
  'Gateway',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    edition: z.enum(EDITION_NAMES),
    tags: z.array(Tag),
    maintenance: z.boolean(),
    window_start_hour: z.int(),
    created_at: Time,
  }),
);
export const GatewayList = listOf('Gateway', Gateway);
export const Api = name(
  'Api',
  z.strictObject({
    id: z.string(),
    group: Named,
    name: z.string(),
    summary: z.string(),
    method: z.string(),
    path: z.string(),
    match: z.enum(['exact', 'prefix']),
    security: z.string(),
    status: z.enum(['draft', 'published', 'offline']),
    changed: z.boolean().describe('The draft differs from what is live.'),
    created_at: Time,
  }),
);
export const ApiList = listOf('Api', Api);

const Quota = name('Quota', z.strictObject({ kind: z.enum(QUOTA_KINDS), used: z.int(), limit: z.int() }));
export const QuotaList = listOf('Quota', Quota);

const Credential = z.strictObject({
  id: z.string(),
  kind: z.enum(['app_code', 'app_key']),
  name: z.string(),
  app_key: z.string().nullable(),
  hint: z.string(),
  status: z.enum(['active', 'expiring', 'expired', 'revoked']),
  created_at: Time,
  ends_at: timeOrNull,
  last_used_at: timeOrNull,
  replaced: z.boolean(),
});
const appFields = { id: z.string(), name: z.string(), description: z.string(), created_at: Time };
export const App = name('App', z.strictObject({ ...appFields, working_credentials: z.int(), subscription_ids: z.array(z.string()) }));
export const AppDetails = name('AppDetails', z.strictObject({ ...appFields, credentials: z.array(Credential), subscription_ids: z.array(z.string()) }));
export const IssuedCredential = name(
  'IssuedCredential',
  z.strictObject({
    credential: Credential,
    app_code: z.string().optional().describe('Given this once.'),
    app_key: z.string().optional(),
    app_secret: z.string().optional().describe('Given this once.'),
  }),
);
export const AppList = listOf('App', App);
export const CredentialList = listOf('Credential', Credential);

export const Subscription = name(
  'Subscription',
  z.strictObject({
    id: z.string(),
    product: z.strictObject({ id: z.string(), slug: z.string(), name: z.string() }),
    plan: z.strictObject({ id: z.string(), name: z.string(), title: z.string(), version_id: z.string() }),
    status: z.string(),
    entitled: z.boolean().describe('Its apps may call now.'),
    created_at: Time,
    period: z.strictObject({ index: z.int(), start_at: Time, end_at: Time }).nullable(),
    apps: z.array(Named),
  }),
);
export const SubscriptionList = listOf('Subscription', Subscription);

const invoiceFields = {
  id: z.string(),
  number: z.string().nullable(),
  status: z.string(),
  subscription_id: z.string(),
  currency: z.string(),
  subtotal_minor: Integer,
  total_minor: Integer,
  charge_minor: Integer.describe('What is charged now; the rest is carried to the next invoice.'),
  issued_at: Time,
  paid_at: timeOrNull,
  usage_from: timeOrNull,
  usage_to: timeOrNull,
};
export const Invoice = name('Invoice', z.strictObject(invoiceFields));
export const InvoiceDetails = name(
  'InvoiceDetails',
  z.strictObject({
    ...invoiceFields,
    seller: z.string(),
    product: z.string(),
    hash: z.string(),
    lines: z.array(
      z.strictObject({
        key: z.string(),
        text: z.string(),
        quantity: Integer.nullable(),
        exact: z.string(),
        amount_minor: Integer,
        explanation: z.array(z.string()),
      }),
    ),
  }),
);
export const InvoiceList = listOf('Invoice', Invoice);

export const Usage = name(
  'Usage',
  z.strictObject({
    from: Time,
    to: Time,
    as_of: Time.describe('Every call admitted before is in these figures.'),
    by: z.string(),
    items: z.array(
      z.strictObject({
        key: z.string(),
        calls: Integer,
        billed_calls: Integer,
        billed_units: Integer,
        failed_calls: Integer,
        bytes_in: Integer,
        bytes_out: Integer,
      }),
    ),
    next: z.string().nullable(),
  }),
);

export const AccessKey = name(
  'AccessKey',
  z.strictObject({
    id: z.string(),
    holder: z.strictObject({ kind: z.enum(['service_account', 'user']), id: z.string(), name: z.string() }),
    kind: z.enum(ACCESS_KEY_KINDS),
    name: z.string(),
    access_key: z.string().nullable(),
    hint: z.string(),
    status: z.enum(['active', 'expiring', 'expired', 'revoked', 'too_old']),
    created_at: Time,
    age_days: z.int(),
    ends_at: timeOrNull,
    last_used_at: timeOrNull,
    last_used_from: z.string().nullable(),
    replaced: z.boolean(),
  }),
);
export const AccessKeyList = listOf('AccessKey', AccessKey);
export const IssuedAccessKey = name(
  'IssuedAccessKey',
  z.strictObject({
    key: AccessKey,
    token: z.string().optional().describe('Given this once.'),
    access_key: z.string().optional(),
    secret_key: z.string().optional().describe('Given this once.'),
  }),
);
export const ServiceAccount = name(
  'ServiceAccount',
  z.strictObject({
    id: z.string(),
    name: z.string(),
    purpose: z.string(),
    enabled: z.boolean(),
    policies: z.array(z.string()),
    groups: z.array(z.string()),
    created_at: Time,
    rev: z.int().describe('Changes with every change: send it back with yours.'),
  }),
);
export const ServiceAccountList = listOf('ServiceAccount', ServiceAccount);

const anything = z.unknown().describe('Secrets are left out.');
export const AuditRecord = name(
  'AuditRecord',
  z.strictObject({
    id: z.string(),
    at: Time,
    outcome: z.enum(['done', 'refused']),
    kind: z.string(),
    who: z.string().nullable().describe('A user or a service account; null: the system.'),
    key: z.string().nullable().describe('What may be shown of the access key it was done with.'),
    action: z.string(),
    resource: z.string(),
    address: z.string().nullable(),
    request_id: z.string(),
    before: anything,
    after: anything,
  }),
);
export const AuditRecordList = listOf('AuditRecord', AuditRecord);

export const Problem = name(
  'Problem',
  z.strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    request_id: z.string(),
    fields: z.record(z.string(), z.string()).optional(),
  }),
);

const line = (max: number, min = 0) =>
  z
    .string()
    .trim()
    .min(min)
    .max(max)
    .regex(/^[^\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]*$/u, 'Leave out line breaks and invisible characters');
const overlaps = Object.keys(ROTATION_OVERLAPS) as [RotationOverlap, ...RotationOverlap[]];
const ids = z.array(z.string().min(1).max(64)).max(100);

export const RotationBody = name('Rotation', z.strictObject({ overlap: z.enum(overlaps).describe('How long the present one works on.') }));
export const NewCredentialBody = name(
  'NewCredential',
  z.strictObject({ kind: z.enum(['app_code', 'app_key']), name: line(64).default(''), life_days: z.int().min(1).max(3_650).nullable().default(null) }),
);
export const NewKeyBody = name(
  'NewAccessKey',
  z.strictObject({
    kind: z.enum(ACCESS_KEY_KINDS),
    name: line(64).default(''),
    life_days: z
      .union(KEY_LIVES_DAYS.map((days) => z.literal(days)) as [z.ZodLiteral<number>, ...z.ZodLiteral<number>[]])
      .nullable()
      .describe('Null: until it is revoked, where the organization allows that.'),
  }),
);
const serviceAccountFields = { name: line(64, 1), purpose: line(255).default(''), policies: ids.default([]), groups: ids.default([]) };
export const NewServiceAccountBody = name('NewServiceAccount', z.strictObject(serviceAccountFields));
export const ServiceAccountBody = name(
  'ServiceAccountChange',
  z.strictObject({ name: line(64, 1), purpose: line(255), policies: ids, groups: ids, rev: z.int().min(0) }),
);
export const StateBody = name('ServiceAccountState', z.strictObject({ enabled: z.boolean() }));

export const time = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/, 'This must be a time such as 2029-06-30T23:59:59Z')
  .describe('UTC, ISO 8601.');
