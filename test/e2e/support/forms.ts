import type { Locator, Page } from 'playwright-core';

/** What a person does to a field: text, a choice by its value, a tick, a file from the disk. */
export type Entry = string | boolean | { readonly file: string };

/** Fill fields by their names, as a person would: what is folded away is unfolded first. */
export async function fill(form: Locator, entries: Readonly<Record<string, Entry>>): Promise<void> {
  for (const [name, entry] of Object.entries(entries)) {
    const field = form.locator(`[name="${name}"]`);
    const kind = await field.first().evaluate((element) => `${element.tagName}:${element.getAttribute('type') ?? ''}`.toLowerCase());
    const one = kind === 'input:radio' ? field.and(form.page().locator(`[value="${String(entry)}"]`)) : field.first();
    if (kind !== 'input:file') await unfold(one);
    if (typeof entry === 'object') await one.setInputFiles(entry.file);
    else if (kind === 'input:radio') await one.check();
    else if (kind === 'input:checkbox') await one.setChecked(entry === true || entry === 'true');
    else if (kind === 'select:') await one.selectOption(String(entry));
    else await one.fill(String(entry));
  }
}

/** Open every closed `<details>` around it, outermost first, by its summary. */
export async function unfold(target: Locator): Promise<void> {
  const closed = target.locator('xpath=ancestor::details[not(@open)]');
  // On a wide screen some are shown whole although they are closed.
  while (!(await target.isVisible()) && (await closed.count()) > 0) await closed.first().locator('summary').first().click();
}

/** Press a button that leads to a page, and wait for that page. */
export async function press(button: Locator): Promise<void> {
  await unfold(button);
  await Promise.all([button.page().waitForEvent('load'), button.click()]);
}

/** Fill a form and send it. @throws when the page that comes back complains */
export async function send(
  page: Page,
  form: string,
  entries: Readonly<Record<string, Entry>> = {},
  button = 'button:not([type=button]):not([value=preview]):not([formaction])',
): Promise<void> {
  const found = page.locator(form).first();
  await fill(found, entries);
  await press(found.locator(button).last());
  await withoutFaults(page, form);
}

/** No form came back with faults, no page of an error came instead. */
export async function withoutFaults(page: Page, after: string): Promise<void> {
  const faults = page.locator('.faults, .notice[data-tone=error]');
  if ((await faults.count()) > 0) throw new Error(`after ${after}, ${page.url()} says: ${(await faults.allInnerTexts()).join(' ')}`);
  const problem = page.locator('[data-name=problem]');
  if ((await problem.count()) > 0) throw new Error(`after ${after}, ${page.url()} is an error: ${await problem.innerText()}`);
}

export const pathOf = (page: Page): string => new URL(page.url()).pathname;

/** The integer of minor units that an amount on a page stands for. */
export const minorOf = async (amount: Locator): Promise<bigint> => BigInt((await amount.locator('data').first().getAttribute('value')) ?? '');
