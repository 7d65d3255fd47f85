import { expect } from 'chai';
import { startFleet, type Fleet, type GatewayProcess } from '../support/gateway-fleet.ts';
import { visitor, type Visitor } from '../support/browserless.ts';
import { startWeb } from '../../server/roles.ts';

/** Looks until it is so; a machine ten times slower only looks more often. */
const LOOKS_MAX = 600;
const LOOK_AGAIN_MS = 50;

describe('maintenance, from the form of the portal to gateways that are processes of their own', function () {
  this.timeout(240_000);
  let fleet: Fleet;
  let gateways: GatewayProcess[];
  let person: Visitor;
  let form: string;
  before(async () => {
    fleet = await startFleet({ plan: { kind: 'free', quota: 'hard', quotaLimit: '100000' } });
    const { port } = await startWeb(fleet.composition);
    gateways = await Promise.all(['gw1', 'gw2'].map((node) => fleet.start(node)));
    person = visitor(`http://localhost:${port}`);
    await person.post('/sign-in', { email: 'atlas@example.test', password: 'a quiet river at night' });
    const [gateway] = await fleet.composition.services.catalog.gateways.list(fleet.provider);
    form = `/gateways/${gateway?._id}/maintenance`;
  });
  after(() => fleet.stop());

  /** Until all gateways answer so: by the code of the error, or with 200. */
  async function all(among: readonly GatewayProcess[], wanted: string): Promise<void> {
    let seen: string[] = [];
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      seen = await Promise.all(
        among.map(async (gateway) => {
          const { status, body } = await fleet.call(gateway, '/cities');
          return /APIG\.\d{4}/.exec(body)?.[0] ?? String(status);
        }),
      );
      if (seen.every((one) => one === wanted)) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    throw new Error(`the gateways never all answered ${wanted}: ${seen.join(', ')}`);
  }
  const press = async (maintenance: 'off' | 'on') => expect((await person.post(form, { maintenance })).status).to.equal(303);

  it('reaches each of them, told by a signal for each press', async () => {
    const heard: string[] = [];
    const stop = fleet.composition.signals.subscribe('catalogue-changed', ({ what }) => void heard.push(what));
    await all(gateways, '200');
    await press('on');
    await all(gateways, 'APIG.0703');
    await press('off');
    await all(gateways, '200');
    stop();
    expect(heard).to.deep.equal(['gateway', 'gateway']);
  });

  it('reaches one whose Redis is away by its poll of the store, where a counted call is refused as long', async () => {
    const cutOff = [await fleet.start('gw3', { REDIS_URL: 'redis://127.0.0.1:9' })];
    await all(cutOff, 'APIG.0701');
    await press('on');
    await all(cutOff, 'APIG.0703');
    await press('off');
    await all(cutOff, 'APIG.0701');
  });
});
