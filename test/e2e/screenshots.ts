// `npm run screenshots`: pictures of all pages of the demonstration that runs, wide and narrow, light and dark, and the few of the README.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { findChromium } from '../../sandbox/settings.mjs';
import { projectRoot } from '../../server/config.ts';

const ROOT = projectRoot();
const dataDir = join(ROOT, process.env['DATA_DIR'] ?? '.local');
process.env['DEMO_FILE'] ??= join(dataDir, 'demo.json');
process.env['CHROMIUM_PATH'] ??= findChromium() ?? '';
if (!existsSync(process.env['DEMO_FILE'])) {
  console.error('No demonstration runs here. Start it first: npm start');
  process.exit(1);
}
const demo = JSON.parse(readFileSync(process.env['DEMO_FILE'], 'utf8')) as { webUrl: string; gatewayUrl: string };
process.env['WEB_URL'] ??= demo.webUrl;
process.env['GATEWAY_URL'] ??= demo.gatewayUrl;

const { theBrowser, visit, SCREENSHOTS } = await import('../support/browser.ts');
const { become } = await import('./support/people.ts');
const { stops } = await import('./support/tour.ts');

const OF_README = join(ROOT, 'docs', 'img');
/** Wide, light, and cut at the first screen: what the README shows. */
const README: readonly string[] = ['home', 'listing-pricing', 'dashboard', 'group-imports-new', 'usage', 'invoice'];
const LOOKS = [
  { width: 'wide', dark: false },
  { width: 'wide', dark: true },
  { width: 'phone', dark: false },
  { width: 'phone', dark: true },
] as const;
const only = process.argv.slice(2);

async function shoot(page: Page, name: string, { width, dark }: (typeof LOOKS)[number]): Promise<void> {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.${width === 'wide' ? 1280 : 360}.${dark ? 'dark' : 'light'}.png`), fullPage: true });
  if (width === 'wide' && !dark && README.includes(name))
    await page.screenshot({ path: join(OF_README, `${name}.png`), clip: { x: 0, y: 0, width: 1280, height: 800 } });
}

mkdirSync(SCREENSHOTS, { recursive: true });
mkdirSync(OF_README, { recursive: true });
const browser = await theBrowser();
let pictures = 0;
for (const guide of ['anybody', 'buyer', 'provider', 'operator'] as const) {
  let cookies: Awaited<ReturnType<Awaited<ReturnType<typeof visit>>['context']['cookies']>> = [];
  for (const look of LOOKS) {
    const visitor = await visit(browser, { ...look, javaScript: true });
    const { page, context } = visitor;
    if (cookies.length > 0) await context.addCookies(cookies);
    if (guide === 'anybody' || cookies.length > 0) await page.goto(demo.webUrl);
    else await become(visitor, guide);
    cookies = await context.cookies();
    for (const { name, path } of await stops(page, guide)) {
      if (only.length > 0 && !only.includes(name)) continue;
      await page.goto(new URL(path, demo.webUrl).href);
      await shoot(page, name, look);
      pictures += 1;
    }
    for (const fault of visitor.faults) console.log(fault);
    await visitor.close();
  }
}
await browser.close();
console.log(`${pictures} pictures in ${SCREENSHOTS}`);
