import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { ROTATED_SECRET, SECRET, webhookGround, type WebhookGround } from '../../support/webhooks.ts';

const MIB = 1024 * 1024;

describe('deliveries of Stripe that cannot be believed (case 60)', () => {
  let ground: WebhookGround;
  before(async () => (ground = await webhookGround()));
  after(() => ground.close());
  beforeEach(() => ground.forget());

  describe('F4 (case 60): a delivery that cannot be believed', () => {
    const refusals: readonly [string, (body: string) => string | undefined][] = [
      ['without a signature', () => undefined],
      ['with an empty signature', () => ''],
      ['signed with another secret', (body) => ground.signed(body, 'whsec_wrong')],
      ['signed with an empty secret', (body) => ground.signed(body, '')],
      ['signed for other bytes', (body) => ground.signed(`${body} `)],
      ['301 s old', (body) => ground.signed(body, SECRET, ground.clock.real() - 301_000)],
      ['a day ahead', (body) => ground.signed(body, SECRET, ground.clock.real() + 86_400_000)],
      ['302 s ahead', (body) => ground.signed(body, SECRET, ground.clock.real() + 302_000)],
      ['with the v0 scheme only', (body) => ground.signed(body).replace('v1=', 'v0=')],
      ['with two times', (body) => `t=${Math.floor(ground.clock.real() / 1000) - 9_999},${ground.signed(body)}`],
      ['with a time that is no number', (body) => ground.signed(body).replace(/t=\d+/, 't=1e9')],
      ['with a signature that is too short', (body) => ground.signed(body).slice(0, -2)],
    ];
    for (const [what, sign] of refusals) {
      it(`${what}: 400, nothing stored, no reason told`, async () => {
        const before = await ground.stored();
        const body = ground.eventBody();
        expect(await ground.deliver(body, sign(body))).to.deep.equal({ status: 400, text: '{"received":false}' });
        expect(await ground.stored()).to.equal(before);
        expect(ground.queued).to.deep.equal([]);
      });
    }

    it('one byte changed on the way: 400, whichever byte', async () => {
      const body = ground.eventBody();
      const signature = ground.signed(body);
      const before = await ground.stored();
      for (const at of [0, 20, Math.floor(body.length / 2), body.length - 1]) {
        const bytes = Buffer.from(body);
        bytes[at] = bytes[at]! ^ 1;
        expect((await ground.deliver(bytes, signature)).status, `byte ${at}`).to.equal(400);
      }
      expect(await ground.stored()).to.equal(before);
    });

    it('re-serialised JSON with the same meaning: 400, the bytes are what was signed', async () => {
      const body = ground.eventBody();
      expect((await ground.deliver(JSON.stringify(JSON.parse(body), null, 1), ground.signed(body))).status).to.equal(400);
    });

    it('2 MB: 413; exactly 1 MiB is read, and refused for what it is', async () => {
      const large = ground.eventBody({ padding: 'x'.repeat(2 * MIB) });
      expect((await ground.deliver(large, ground.signed(large))).status).to.equal(413);
      const limit = ' '.repeat(MIB);
      expect((await ground.deliver(limit, ground.signed(limit))).status).to.equal(400);
    });

    it('a compressed body: 400, since a small bomb could unfold', async () => {
      const body = ground.eventBody();
      expect((await ground.deliver(body, ground.signed(body), { 'content-encoding': 'gzip' })).status).to.equal(400);
    });

    it('well signed, but no event: 400', async () => {
      for (const body of [
        '[]',
        'null',
        '{}',
        '{"object":"event"}',
        ground.eventBody({ id: '$ne' }),
        ground.eventBody({ id: { $gt: '' } }),
        ground.eventBody({ data: null }),
        ground.eventBody({ created: 'now' }),
      ]) {
        expect((await ground.deliver(body, ground.signed(body))).status, body).to.equal(400);
      }
    });

    it('F38: accepts both secrets while one is rotated, and 299 s either way', async () => {
      for (const sign of [
        (body: string) => ground.signed(body, ROTATED_SECRET),
        (body: string) => ground.signed(body),
        (body: string) => ground.signed(body, SECRET, ground.clock.real() - 295_000),
        (body: string) => ground.signed(body, SECRET, ground.clock.real() + 295_000),
      ]) {
        const body = ground.eventBody();
        expect((await ground.deliver(body, sign(body))).status).to.equal(200);
      }
      const body = ground.eventBody();
      const t = Math.floor(ground.clock.real() / 1000);
      const v1 = (secret: string) => createHmac('sha256', secret).update(`${t}.${body}`).digest('hex');
      expect((await ground.deliver(body, `t=${t},v1=${v1('whsec_other')},v1=${v1(SECRET)}`)).status).to.equal(200);
    });
  });
});
