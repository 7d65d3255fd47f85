import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { createClient } from 'redis';
import { projectRoot } from '../../server/config.ts';
import { BROWSER_ARGS } from './shots.ts';

/** Looked at by people: what a journey saw when it failed, and what it keeps on purpose. */
export const SCREENSHOTS = join(projectRoot(), '.local', 'screenshots');

export const VIEWPORTS = {
  wide: { width: 1280, height: 900 },
  narrow: { width: 375, height: 740 },
  phone: { width: 360, height: 740 },
  narrowest: { width: 320, height: 700 },
} as const;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PATIENCE_MS = 15_000;
/** The longest one publishes, buys, calls and lets a month pass. */
const JOURNEY_MS = 360_000;

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the journeys by "npm run e2e", which starts the marketplace`);
  return value;
}

export interface Demo {
  readonly webUrl: string;
  readonly gatewayUrl: string;
  readonly stripeUrl: string;
  readonly users: Readonly<Record<'provider' | 'buyer' | 'admin' | 'operator', { readonly email: string; readonly password: string }>>;
  readonly listings: Readonly<
    Record<string, { readonly productId: string; readonly baseUrl: string; readonly sampleCall: string; readonly plans: Readonly<Record<string, string>> }>
  >;
  readonly apps: {
    readonly demo: {
      readonly appId: string;
      readonly appKey: string;
      readonly appSecret: string;
      readonly appCode: string;
      readonly subscriptions: Readonly<Record<string, string>>;
    };
  };
}

/** The demonstration world that the journeys run in. */
export const demo = (): Demo => JSON.parse(readFileSync(required('DEMO_FILE'), 'utf8')) as Demo;
export const webUrl = (): string => required('WEB_URL');
export const gatewayUrl = (): string => required('GATEWAY_URL');
/** Where a journey may have an OpenID issuer of its own: the portal may call it. */
export const issuerPort = (): number => Number(required('ISSUER_PORT'));
export const upstreamUrl = (name: 'countries' | 'cities' | 'currencies' | 'httpbin'): string =>
  `http://127.0.0.1:${required('UPSTREAM_PORTS').split(',')[['countries', 'cities', 'currencies', 'httpbin'].indexOf(name)]}`;

export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Open a path of the portal and hold the page to what every page must be. */
  go(path: string): Promise<void>;
  signIn(role: keyof Demo['users']): Promise<void>;
  /** A picture under `.local/screenshots/<name>.png`. */
  picture(name: string): Promise<void>;
  close(): Promise<void>;
}

export interface Manner {
  readonly javaScript: boolean;
  readonly width: keyof typeof VIEWPORTS;
  readonly dark?: boolean;
}

/** A visitor who notes everything a page must not do: script errors, refused content, requests to other hosts, failed loads. */
export async function visit(browser: Browser, { javaScript, width, dark = false }: Manner): Promise<Visitor & { readonly faults: readonly string[] }> {
  const context = await browser.newContext({
    javaScriptEnabled: javaScript,
    viewport: VIEWPORTS[width],
    colorScheme: dark ? 'dark' : 'light',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const faults: string[] = [];
  const issuer = process.env['ISSUER_PORT'];
  const known = new Set(
    [webUrl(), process.env.STRIPE_API_BASE, gatewayUrl(), issuer && `http://127.0.0.1:${issuer}`].flatMap((url) => (url ? [new URL(url).host] : [])),
  );
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('console', (message) => {
    // A 4xx that a journey provokes is told by its page; what the browser adds to it is no fault of the page.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && !known.has(url.host)) faults.push(`request to another host: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && ['stylesheet', 'script', 'image', 'font'].includes(response.request().resourceType()))
      faults.push(`${response.status()}: ${response.url()}`);
  });

  return {
    page,
    context,
    faults,
    async go(path) {
      await page.goto(new URL(path, webUrl()).toString());
      await expectWellMade(page);
    },
    async signIn(role) {
      const { email, password } = demo().users[role];
      await page.goto(`${webUrl()}/sign-in`);
      await page.getByLabel('E-mail', { exact: false }).first().fill(email);
      await page.locator('input[name=password]').fill(password);
      await Promise.all([
        page.waitForURL((url) => !url.pathname.startsWith('/sign-in')),
        page.locator('form:has(input[name=password]) button').first().click(),
      ]);
    },
    async picture(name) {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
    },
    close: () => context.close(),
  };
}

/** What holds for every page: a title, one main heading, a language, nothing wider than the window. */
export async function expectWellMade(page: Page): Promise<void> {
  const where = page.url();
  expect(await page.title(), `title of ${where}`).to.not.equal('');
  expect(await page.locator('h1').count(), `main headings of ${where}`).to.equal(1);
  expect(await page.locator('html').getAttribute('lang'), `language of ${where}`).to.not.equal(null);
  // As text: a window without script of its own answers all the same.
  const sideways = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  expect(sideways, `pixels that ${where} is too wide`).to.equal(0);
}

/** WCAG 2.2 A and AA by axe-core, evaluated from outside so that the page's own content policy stands. Needs JavaScript. */
export async function accessFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: { id: string; help: string; nodes: { target: unknown[]; failureSummary?: string }[] }[] }> };
    };
    const result = await axe.run({ runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] } });
    return result.violations.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => String(target)).join(', ')})`);
  });
}

export const expectAccessible = async (page: Page): Promise<void> => void expect(await accessFaults(page), page.url()).to.deep.equal([]);

/**
 * One journey, told once and made in several manners: each is a test of its own. Whatever its pages did wrong fails it, and a failure leaves a picture.
 */
export function journey(
  name: string,
  walk: (visitor: Visitor, manner: Manner) => Promise<void>,
  manners: readonly Manner[] = [
    { javaScript: true, width: 'wide' },
    { javaScript: false, width: 'wide' },
  ],
): void {
  for (const manner of manners) {
    const how = [manner.javaScript ? '' : 'without JavaScript', manner.width === 'narrow' ? 'on a phone' : '', manner.dark ? 'in the dark' : '']
      .filter(Boolean)
      .join(', ');
    it(how === '' ? name : `${name} (${how})`, async function () {
      this.timeout(JOURNEY_MS);
      await forgetAttempts();
      const browser = await theBrowser();
      const visitor = await visit(browser, manner);
      try {
        await walk(visitor, manner);
        expect(visitor.faults, 'what the pages did wrong').to.deep.equal([]);
      } catch (error) {
        await visitor.picture(`failed-${name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase()}${manner.javaScript ? '' : '-no-js'}`).catch(() => undefined);
        throw error;
      } finally {
        await visitor.close();
      }
    });
  }
}

/** All people of all journeys sign in from one address, more of them in a quarter of an hour than the portal lets one address try. */
async function forgetAttempts(): Promise<void> {
  const redis = await createClient({ url: required('REDIS_URL') }).connect();
  try {
    const keys = await redis.keys('*attempts:address*');
    if (keys.length > 0) await redis.del(keys);
  } finally {
    await redis.close();
  }
}

let browser: Promise<Browser> | undefined;

/** One browser for all journeys of a run; closed at its end. */
export function theBrowser(): Promise<Browser> {
  browser ??= chromium.launch({ executablePath: required('CHROMIUM_PATH'), args: BROWSER_ARGS });
  return browser;
}

/** Mocha's root hook: `.mocharc` does not know this file, so each journey's file gets it by importing this one. */
if (typeof after === 'function') after(async () => browser && (await browser).close());

/** The sandbox's side door, for what no person can do: move the clock, read mail. */
export async function sandbox<T>(path: string, body?: object): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${required('WEB_OPS_PORT')}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { 'x-tollgate-sandbox': '1', ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** Poll until `probe` gives something: usage is on the pages within 10 s of a call, a webhook within a moment. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined | false>, deadlineMs = 30_000): Promise<T> {
  const endAt = performance.now() + deadlineMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endAt) throw new Error(`did not happen within ${deadlineMs / 1_000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
