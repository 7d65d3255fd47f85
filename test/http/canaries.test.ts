import { expect } from 'chai';
import { passkeyStory, personStory, programStory, signOnStory } from '../support/canary-people.ts';
import { brokenStory, callerStory, moneyStory } from '../support/canary-trade.ts';
import { canaryWorld, type CanaryWorld } from '../support/canary-world.ts';
import { spellings, type Allowance } from '../support/canaries.ts';

/** Where a secret may stand in clear, and why. One line, one place; all that is sealed or hashed needs none. */
const ALLOWED: readonly Allowance[] = [
  { secret: /^link of/, place: /^mongo mails$/, because: 'the sandbox’s mailbox is the person’s own mail, and the mail has to carry its link' },
  { secret: /^link of/, place: /^page link of/, because: 'the page that the link opens sends its form back to it' },
  { secret: /^broken document$/, place: /^page import$/, because: 'what was typed comes back beside its fault' },
];

describe('canaries', function () {
  this.timeout(300_000);
  let world: CanaryWorld;
  before(async () => {
    world = await canaryWorld();
  });
  after(() => world.stop());

  // Each story asserts that its secrets did their work: what never went through could not be found either.
  it('of a person go through: passwords, second factor, recovery, links of mails, sessions', () => personStory(world));

  it('of passkeys go through: challenges of adding and of signing in, used and still open', () => passkeyStory(world));

  it('of single sign-on go through: client secret, state, nonce, code, ID token; also where it is refused or still under way', () => signOnStory(world));

  it('of programs go through: tokens and signing keys of people and service accounts, rotated, refused', () => programStory(world));

  it('of a provider and its callers go through: constants for the backend, AppCodes and secrets, right, wrong and misplaced', () => callerStory(world));

  it('of money go through: a card, Stripe’s keys, a webhook that is right and one that is not', () => moneyStory(world));

  it('meet what is broken: a definition, a ciphertext, an upstream that quotes, Stripe away, the database gone in mid request; pages, problems and logs of a 500', () =>
    brokenStory(world));

  it('are found in clear nowhere but where they have to be: Mongo, Redis, disk, logs, mails, pages, the audit log and its file', async () => {
    const all = await world.places();
    const names = [...all.keys()];
    for (const kind of [
      /^mongo audit$/,
      /^mongo users$/,
      /^mongo sessions$/,
      /^mongo publications$/,
      /^mongo callLogs$|^mongo calllogs$/i,
      /^mongo mails$/,
      /^mongo apidocuments$/i,
      /^redis /,
      /^disk .*snapshot/,
      /^log web$/,
      /^log gateway$/,
      /^log worker$/,
      /^page audit file$/,
      /^page a 500$/,
    ])
      expect(
        names.some((name) => kind.test(name) && (all.get(name) ?? '').length > 100),
        String(kind),
      ).to.equal(true);
    expect(world.canaries.leaks(all, ALLOWED)).to.deep.equal([]);
  });

  it('would be found: each is, once it is put somewhere, however it is written', () => {
    const { secrets } = world.canaries;
    expect(secrets.size).to.be.greaterThan(75);
    expect([...secrets.values()].filter((value) => value.length < 12 && !/^\d+$/.test(value))).to.deep.equal([]);
    for (const [name, value] of secrets) {
      for (const hidden of [
        value,
        `x${Buffer.from(`ab${value}z`).toString('base64')}`,
        Buffer.from(value).toString('hex'),
        `/path?x=${encodeURIComponent(value)}`,
      ])
        expect(
          spellings(value).some((one) => hidden.includes(one)),
          `${name}: ${hidden}`,
        ).to.equal(true);
      expect(world.canaries.leaks(new Map([['somewhere', `before ${value} after`]]), ALLOWED), name).to.include(`${name} in somewhere`);
    }
  });
});
