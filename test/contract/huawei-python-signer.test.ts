import { execFile } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';
import { keyExamples } from '../../server/web/present/access-key.ts';
import { startPortal } from '../support/portal.ts';
import { APP_KEY, APP_SECRET, definition, gatewayWorld } from '../support/gateway-world.ts';

const run = promisify(execFile);
const VENV = join(projectRoot(), '.local/huawei-python');

/** The SDK in an environment of its own; finished under another name first, so that half an installation is never used. */
async function python(): Promise<string> {
  const binary = join(VENV, 'bin/python');
  if (existsSync(binary)) return binary;
  rmSync(`${VENV}.new`, { recursive: true, force: true });
  await run('python3', ['-m', 'venv', `${VENV}.new`]);
  await run(join(`${VENV}.new`, 'bin/python'), ['-m', 'pip', 'install', '--quiet', 'huaweicloudsdkcore==3.1.219']);
  renameSync(`${VENV}.new`, VENV);
  return binary;
}

/** Signs by the SDK's own signer and sends what it made, unchanged, as the SDK's client does. */
const SCRIPT = `
import json, sys, requests
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.signer.signer import Signer
from huaweicloudsdkcore.sdk_request import SdkRequest
base, ak, sk = sys.argv[1:4]
host = base.split('//')[1]
class Credentials:
    pass
credentials = Credentials()
credentials.ak, credentials.sk = ak, sk
results = []
for case in json.load(sys.stdin):
    request = SdkRequest(method=case['method'], schema='http', host=host, resource_path=case['path'], query_params=[tuple(p) for p in case.get('query', [])],
                         header_params=dict(case.get('headers', {})), body=case.get('body', ''))
    signed = Signer(credentials).sign(request)
    answer = requests.request(signed.method, base + signed.uri, headers=signed.header_params, data=signed.body or None)
    results.append([answer.status_code, answer.text])
print(json.dumps(results))
`;

describe('the official Python signer', () => {
  it('calls us unchanged: queries, other alphabets, JSON, forms, header bytes, names with underscores', async function () {
    this.timeout(180_000);
    const world = await gatewayWorld({ apis: (origin) => [definition(origin, 'ANY', '/any', { frontend: { method: 'ANY', path: '/any', match: 'prefix' } })] });
    try {
      const cases = [
        { method: 'GET', path: '/demo/any' },
        {
          method: 'GET',
          path: '/demo/any/',
          query: [
            ['b', '2'],
            ['a', '1 x+y'],
            ['c', ['z', 'a']],
            ['é', '一 (&=?!#%.*)'],
            ['flag', true],
          ],
        },
        { method: 'GET', path: '/demo/any/a%20b' },
        { method: 'GET', path: '/demo/any/一' },
        { method: 'POST', path: '/demo/any', headers: { 'Content-Type': 'application/json' }, body: '{"name":"grün"}' },
        { method: 'POST', path: '/demo/any', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'a=b&c=d' },
        { method: 'DELETE', path: '/demo/any', headers: { 'Content-Type': 'text/plain' } },
        { method: 'GET', path: '/demo/any', headers: { 'X-Name': 'grün 一', x_under_score: 'not signed' } },
      ];
      const child = run(await python(), ['-c', SCRIPT, world.url, APP_KEY, APP_SECRET]);
      child.child.stdin?.end(JSON.stringify(cases));
      const results = JSON.parse((await child).stdout) as [number, string][];
      expect(results.map(([status, text]) => (status === 200 ? 200 : text))).to.deep.equal(cases.map(() => 200));
      expect(world.upstream.seen).to.have.length(cases.length);
    } finally {
      await world.close();
    }
  });

  it('opens the management API, as the example beside a new access key says', async function () {
    this.timeout(180_000);
    const portal = await startPortal();
    try {
      const member = await portal.member('Harbor');
      const actor = { kind: 'user', userId: member.userId, organizationId: member.organizationId, policies: [], address: '', requestId: 'req_1' } as const;
      const issued = await portal.composition.services.accessKeys.createOwn(actor, { kind: 'signature', name: 'python', lifeDays: 1 });
      const example = keyExamples(issued, portal.origin).find(({ label }) => label.startsWith('Python'));
      const { stdout } = await run(await python(), ['-c', example?.text ?? '']);
      expect(JSON.parse(stdout)).to.have.nested.property('organization.id', member.organizationId);
    } finally {
      await portal.stop();
    }
  });
});
