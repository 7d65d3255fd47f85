import { isWorking, KEY_LIVES_DAYS, lifeFault } from '../../domain/access-key.ts';
import type { AccessKeyView } from '../../services/access-key-views.ts';
import type { IssuedKey } from '../../services/access-keys.ts';
import type { FieldSpec } from './form.ts';

export const KEY_KIND_WORDS: Readonly<Record<AccessKeyView['kind'], string>> = { signature: 'Access key and secret', token: 'Token' };

const LIFE_WORDS: Readonly<Record<number, string>> = { 1: 'for a day', 7: 'for a week', 365: 'for a year' };
/** How a life stands in a form: days, or `none`. */
export const LIFE_VALUES = ['none', ...KEY_LIVES_DAYS.map(String)] as [string, ...string[]];
export const lifeDaysOf = (value: string): number | null => (value === 'none' ? null : Number(value));

/** The form for a new key; only the lives that the organization allows are offered. */
export const newKeyFields = (ageDaysMax: number | null) =>
  ({
    kind: {
      label: 'Kind',
      type: 'radio',
      required: true,
      options: [
        { value: 'token', label: 'Token', help: 'One secret, sent as Authorization: Bearer. The quickest way.' },
        { value: 'signature', label: 'Access key and secret', help: 'Requests are signed, as the official Huawei Cloud SDKs do; the secret never travels.' },
      ],
    },
    name: { label: 'Name', maxlength: 64, help: 'Where it is used, for example “CI” or “backup”.' },
    life: {
      label: 'Works',
      type: 'select',
      options: [
        ...KEY_LIVES_DAYS.filter((days) => lifeFault(days, ageDaysMax) === undefined).map((days) => ({
          value: String(days),
          label: LIFE_WORDS[days] ?? `for ${days} days`,
        })),
        ...(ageDaysMax === null ? [{ value: 'none', label: 'until it is revoked' }] : []),
      ],
    },
  }) satisfies Record<string, FieldSpec>;

/** What a form offers first: three months, or less where the organization allows less. */
export const lifePreset = (ageDaysMax: number | null): string =>
  String([...KEY_LIVES_DAYS].reverse().find((days) => days <= 90 && lifeFault(days, ageDaysMax) === undefined) ?? KEY_LIVES_DAYS[0]);

/** A key in a list. @param base  the address below which it is rotated and revoked */
export const keyModel = (key: AccessKeyView, base: string) => ({
  id: key.id,
  base: `${base}/${key.id}`,
  name: key.name || 'Without a name',
  kindWords: KEY_KIND_WORDS[key.kind],
  accessKey: key.accessKey,
  hint: key.hint,
  state: key.state,
  holder: {
    name: key.holder.name,
    email: key.holder.email,
    program: key.holder.kind === 'service-account',
    href: key.holder.kind === 'user' ? `/organization/members/${key.holder.id}` : `/organization/service-accounts/${key.holder.id}`,
  },
  createdAt: key.createdAt,
  ageDays: key.ageDays,
  endsAt: key.endsAt,
  endedAt: key.revokedAt ?? key.endsAt,
  lastUsedAt: key.lastUsedAt,
  lastUsedFrom: key.lastUsedFrom,
  replaced: key.replaced,
  tooOld: key.state === 'too-old',
  works: isWorking(key.state),
  revocable: key.state !== 'revoked' && key.state !== 'expired',
  rotatable: (isWorking(key.state) || key.state === 'too-old') && !key.replaced,
});

/** Single quotes keep every character of a secret from the shell; none of ours contains one. */
const quoted = (text: string): string => `'${text}'`;

/** A request of `GET /api/v1/me` that works as it stands, by each way that fits the kind. */
export function keyExamples(issued: IssuedKey, webUrl: string): { readonly label: string; readonly text: string }[] {
  const { protocol, host } = new URL(webUrl);
  if (issued.kind === 'token') {
    return [
      { label: 'curl', text: `curl -H ${quoted(`Authorization: Bearer ${issued.token}`)} ${webUrl}/api/v1/me` },
      {
        label: 'Node.js',
        text: [
          `const answer = await fetch('${webUrl}/api/v1/me', {`,
          `  headers: { Authorization: 'Bearer ${issued.token}' },`,
          `});`,
          `console.log(await answer.json());`,
        ].join('\n'),
      },
    ];
  }
  return [
    {
      label: 'Node.js, with the official SDK (npm install @huaweicloud/huaweicloud-sdk-core uuid)',
      text: [
        `import { createRequire } from 'node:module';`,
        `const require = createRequire(import.meta.url);`,
        `const { BasicCredentials } = require('@huaweicloud/huaweicloud-sdk-core');`,
        `const { ClientBuilder } = require('@huaweicloud/huaweicloud-sdk-core/ClientBuilder.js');`,
        ``,
        `const credentials = new BasicCredentials()`,
        `  .withAk('${issued.accessKey}')`,
        `  .withSk('${issued.secretKey}')`,
        `  .withProjectId('${issued.key.organizationId}');`,
        `const client = new ClientBuilder((client) => client)`,
        `  .withCredential(credentials)`,
        `  .withEndpoint('${webUrl}')`,
        `  .build();`,
        `const me = await client.sendRequest({ method: 'GET', url: '/api/v1/me', pathParams: {}, queryParams: {}, headers: {} });`,
        `console.log(me);`,
      ].join('\n'),
    },
    {
      label: 'Python, with the official SDK (pip install huaweicloudsdkcore requests)',
      text: [
        `import requests`,
        `from huaweicloudsdkcore.sdk_request import SdkRequest`,
        `from huaweicloudsdkcore.signer.signer import Signer`,
        ``,
        `class Credentials:`,
        `    ak = "${issued.accessKey}"`,
        `    sk = "${issued.secretKey}"`,
        ``,
        `request = SdkRequest(method="GET", schema="${protocol.slice(0, -1)}", host="${host}", resource_path="/api/v1/me",`,
        `                     query_params=[], header_params={}, body="")`,
        `signed = Signer(Credentials()).sign(request)`,
        `print(requests.get("${webUrl}" + signed.uri, headers=signed.header_params).text)`,
      ].join('\n'),
    },
  ];
}

/** What the page shows once: the values, lines for a `.env`, and requests that work as they stand. */
export const issuedKeyModel = (issued: IssuedKey, webUrl: string) => ({
  kindWords: issued.kind === 'token' ? 'token' : 'access key',
  values:
    issued.kind === 'token'
      ? [{ label: 'Token', text: issued.token }]
      : [
          { label: 'Access key (AK)', text: issued.accessKey },
          { label: 'Secret key (SK)', text: issued.secretKey },
        ],
  env: issued.kind === 'token' ? `TOLLGATE_TOKEN=${issued.token}` : `TOLLGATE_ACCESS_KEY=${issued.accessKey}\nTOLLGATE_SECRET_KEY=${issued.secretKey}`,
  endsAt: issued.key.endsAt,
  examples: keyExamples(issued, webUrl),
});
