import { expect } from 'chai';
import { checkMongo } from '../../server/cli/doctor-checks.ts';
import { SYSTEM, type Actor } from '../../server/domain/actor.ts';
import { openSecret } from '../../server/domain/credential.ts';
import { tokenSettings } from '../../server/gateway/tokens.ts';
import { countSealed } from '../../server/services/resealing.ts';
import { makeBackendCertificates } from '../../server/services/upstream-test.ts';
import { turnOn } from '../support/authenticator.ts';
import { definition } from '../support/catalog-world.ts';
import { makeCertificate } from '../support/certificates.ts';
import { testMongo } from '../support/engines.ts';
import { PASSWORD, startPortal, type Portal } from '../support/portal.ts';

const key = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`;
const [OLD, NEW] = [key('old', 1), key('new', 2)];
const KINDS = ['AppSecrets', 'access keys', 'authenticator keys', 'client secrets', 'constants of backends', 'keys of gateways'];

describe('secrets under a key of SECRET_KEYS that is replaced', function () {
  this.timeout(180_000);
  let mongo: Awaited<ReturnType<typeof testMongo>>;
  let portal: Portal;
  before(async () => void (mongo = await testMongo()));
  after(async () => {
    await portal.stop();
    await mongo.drop();
  });

  const restart = async (secretKeys: string) => {
    await portal?.stop();
    portal = await startPortal({ MONGODB_URI: mongo.uri, SECRET_KEYS: secretKeys, UPSTREAM_ALLOW: '127.0.0.1:3201' });
  };
  const told = async () =>
    (await checkMongo({ mongodbUri: mongo.uri, secretKeys: portal.composition.config.secretKeys }, Date.now)).find((one) => one.name === 'Secrets');
  const kinds = async (keyId: string) => [...((await countSealed(portal.composition.store)).get(keyId)?.keys() ?? [])].sort();

  it('are sealed anew beside changes, once; then the old key may go, and all of them work on, sessions too', async () => {
    await restart(OLD);
    const ada = await portal.member('Ada');
    const { app } = await turnOn(ada);
    const actor: Actor = {
      kind: 'user',
      userId: ada.userId,
      organizationId: ada.organizationId,
      policies: ['Administrator'],
      address: '192.0.2.7',
      requestId: 'req_1',
    };
    const before = portal.composition.services;
    const { _id: appId } = await before.apps.create(actor, { name: 'App', description: '' });
    const credential = await before.credentials.issue(actor, { appId, kind: 'key', name: '', notAfter: null });
    const revoked = await before.credentials.issue(actor, { appId, kind: 'key', name: '', notAfter: null });
    await before.credentials.revoke(actor, revoked.credential.id);
    const accessKey = await before.accessKeys.createOwn(actor, { kind: 'signature', name: '', lifeDays: null });
    await before.signOn.save(actor, 0, { issuer: 'https://login.example.com', clientId: 'client', clientSecret: 'secret of the client' });
    const { _id: gatewayId } = await before.catalog.gateways.create(actor, { name: 'Main', description: '' });
    const revOf = async () => (await portal.composition.store.gateways.gateway(gatewayId))?.rev ?? 0;
    const shown = makeCertificate('client');
    await before.catalog.parameters.showCertificate(actor, gatewayId, { ca: '', certificate: shown.certificate, key: shown.key }, await revOf());
    await before.catalog.parameters.change(actor, gatewayId, 'app_token', 'on', await revOf());
    const group = await before.catalog.groups.create(actor, gatewayId, { name: 'Group', description: '', label: '' });
    const api = await before.catalog.apis.create(actor, gatewayId, group._id, {
      ...definition(),
      backendParameters: [{ name: 'X-Key', in: 'header', value: 'constant' }],
    });
    await before.catalog.publishing.publish(actor, gatewayId, [api._id], '');
    const gatewayOf = async () => (await portal.composition.store.gateways.gateway(gatewayId)) as never;
    const tokenKey = async () =>
      tokenSettings({ id: gatewayId, ...(await (gatewayOf() as Promise<object>)) } as never, portal.composition.config.secretKeys)?.key();
    const signingKey = await tokenKey();
    expect(signingKey).to.be.instanceOf(Buffer);
    expect([await kinds('old'), (await told())?.severity]).to.deep.equal([KINDS, 'ok']);
    const cookie = [...ada.cookies].map(([name, value]) => `${name}=${value}`).join('; ');

    await restart(`${NEW},${OLD}`);
    expect(await told()).to.include({ severity: 'warning' });
    const { resealing, catalog } = portal.composition.services;
    const [first, second] = await Promise.all([
      resealing.carryOut(SYSTEM),
      resealing.carryOut(SYSTEM),
      catalog.parameters.change(actor, gatewayId, 'ratelimit_api_limits', '150', await revOf()),
    ]);
    expect(first + second).to.be.at.least(KINDS.length);
    expect(await resealing.carryOut(SYSTEM), 'nothing is left').to.equal(0);
    expect([await kinds('old'), await kinds('new')]).to.deep.equal([[], KINDS]);
    expect((await told())?.text).to.equal('all under new; nothing needs old any more');

    await restart(NEW);
    expect(await told()).to.include({ severity: 'ok', text: 'all under new' });
    const { composition } = portal;
    const ring = composition.config.secretKeys;
    expect((await portal.visitor().get('/account', { cookie })).status, 'who was signed in').to.equal(200);
    const person = portal.visitor();
    await person.post('/sign-in', { email: ada.email, password: PASSWORD, next: '/apps' });
    expect((await person.post('/sign-in/code', { code: app() })).location).to.equal('/apps');
    const opened = async (id: string) => {
      const doc = await composition.store.apps.credential(id);
      return openSecret(ring, doc?.secretCipher ?? '', doc?.appKey ?? '');
    };
    expect(await opened(credential.credential.id)).to.equal('appSecret' in credential ? credential.appSecret : '');
    expect(await opened(revoked.credential.id)).to.not.equal(null);
    if (!('secretKey' in accessKey)) throw new Error('no secret was shown');
    expect((await composition.services.keyActors.byAccessKey(accessKey.accessKey))?.secret).to.equal(accessKey.secretKey);
    const connection = await composition.services.signOn.connection(actor);
    expect(connection && composition.services.signOn.secretOf(connection)).to.equal('secret of the client');
    expect((await makeBackendCertificates({ store: composition.store, secretKeys: ring }).of(gatewayId))?.key).to.contain('PRIVATE KEY');
    expect((await tokenKey())?.equals(signingKey as Buffer)).to.equal(true);
    const constants = (await composition.store.apis.api(api._id))?.definition.backendParameters ?? [];
    expect(composition.services.catalog.constants.opened(api._id, constants).map(({ value }) => value)).to.deep.equal(['constant']);
  });

  it('are a fault for the doctor when their key was taken away too early', async () => {
    await restart(key('third', 3));
    const found = await told();
    expect(found?.severity).to.equal('fault');
    expect(found?.text).to.match(/under new .*authenticator keys.*put the key back/);
  });
});
