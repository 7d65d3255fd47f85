import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

/** Flags under which the system's chromium neither needs a sandbox of its own nor calls anybody. */
export const BROWSER_ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const launchBrowser = (): Promise<Browser> => chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: BROWSER_ARGS });

export interface AxeFinding {
  readonly id: string;
  readonly impact: string;
  readonly targets: readonly string[];
  readonly summary: string;
}

const axeSource = (): string => readFileSync(join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8');

/** What axe finds on the page; its source runs as an expression, which a strict content policy allows. */
export async function axe(page: Page): Promise<AxeFinding[]> {
  await page.evaluate(axeSource());
  return page.evaluate(async () => {
    const { violations } = await (
      globalThis as unknown as {
        axe: { run(options: unknown): Promise<{ violations: { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }[] }> };
      }
    ).axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      targets: nodes.map(({ target }) => target.join(' ')),
      summary: nodes[0]?.failureSummary ?? '',
    }));
  });
}

export interface ShotOptions {
  readonly folder: string;
  readonly widths?: readonly number[];
  readonly themes?: readonly ('light' | 'dark')[];
}

/** A picture of each address in each width and theme; returns what axe, the console and a sideways scroll have to say. */
export async function shoot(
  browser: Browser,
  base: string,
  paths: readonly string[],
  { folder, widths = [1280, 360], themes = ['light', 'dark'] }: ShotOptions,
): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const complaints: string[] = [];
  for (const width of widths) {
    for (const colorScheme of themes) {
      const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme, reducedMotion: 'reduce' });
      const page = await context.newPage();
      page.on('console', (message) => message.type() === 'error' && complaints.push(`${page.url()} console: ${message.text()}`));
      page.on('pageerror', (error) => complaints.push(`${page.url()} script: ${error.message}`));
      for (const path of paths) {
        await page.goto(base + path, { waitUntil: 'load' });
        const name = (path.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '') || 'home').slice(0, 60);
        await page.screenshot({ path: join(folder, `${name}.${width}.${colorScheme}.png`), fullPage: true });
        const sideways = await page
          .evaluate(() => (globalThis as unknown as { document: { documentElement: { scrollWidth: number; clientWidth: number } } }).document.documentElement)
          .then(() => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'));
        if (Number(sideways) > 0) complaints.push(`${path} ${width}: scrolls sideways by ${String(sideways)} px`);
        for (const { id, impact, targets, summary } of await axe(page))
          complaints.push(
            `${path} ${width} ${colorScheme} axe ${impact} ${id}: ${targets.slice(0, 3).join(' | ')} — ${summary.split('\n').slice(0, 3).join(' ')}`,
          );
      }
      await context.close();
    }
  }
  return complaints;
}
