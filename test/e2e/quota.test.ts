import { expect } from 'chai';
import { eventually, journey, theBrowser, visit } from '../support/browser.ts';
import { createKey, subscribe, subscriptionOf, untilStatus } from './support/buying.ts';
import { call, readCurl } from './support/calling.ts';
import { join, stranger, type Person } from './support/people.ts';
import { approve, offer, TASTE } from './support/selling.ts';

/** Usage is on the pages within this long after the call. */
const USAGE_MS = 10_000;
const LIMIT = Number(TASTE.quotaLimit);

describe('a hard quota', () => {
  let provider: Person;
  let product: string;

  before(async function () {
    this.timeout(360_000);
    provider = stranger('Quentin Provider', 'Small Portions');
    product = `Tastes of ${provider.organization}`;
    const visitor = await visit(await theBrowser(), { javaScript: true, width: 'wide' });
    await offer(visitor, provider, { product, tagline: 'Three calls a month', plans: [TASTE] });
    await approve(visitor, product);
    await visitor.close();
  });

  journey('refuses the call after the last one, says so in code and headers, and the page shows it used up', async (visitor) => {
    const { page, go } = visitor;
    await join(visitor, stranger('Bea Buyer', 'Tasters'));
    await subscribe(visitor, { words: `tastes ${provider.organization}`, listing: product, plan: TASTE.name });
    const subscriptionId = subscriptionOf(page);
    await untilStatus(visitor, subscriptionId, 'active');
    const shown = readCurl(await createKey(visitor));

    for (let left = LIMIT - 1; left >= 0; left -= 1) {
      const answer = await call(shown);
      expect(answer.status).to.equal(200);
      expect(answer.headers.get('ratelimit-policy')).to.match(new RegExp(`"plan";q=${LIMIT};w=\\d+`));
      expect(answer.headers.get('ratelimit')).to.match(new RegExp(`"plan";r=${left};t=\\d+`));
      expect(answer.headers.get('usage-remaining')).to.equal(`requests=${left}`);
    }
    const refused = await call(shown);
    expect(refused.status).to.equal(429);
    expect(((await refused.json()) as { error_code: string }).error_code).to.equal('APIG.0501');
    expect(Number(refused.headers.get('retry-after'))).to.be.greaterThan(0);
    expect(refused.headers.get('ratelimit')).to.match(/^"plan";r=0;t=\d+/);
    expect(refused.headers.get('x-ratelimit-remaining')).to.equal('0');
    expect(refused.headers.get('usage-remaining')).to.equal('requests=0');

    await eventually(
      'the page shows it used up',
      async () => {
        await go(`/subscriptions/${subscriptionId}`);
        return (await page.locator('main').innerText()).includes('Used up');
      },
      USAGE_MS,
    );
  });
});
