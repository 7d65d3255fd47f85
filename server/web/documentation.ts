import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';
import { projectRoot } from './project-root.ts';

/** Pages of the documentation: a Markdown file each, in views/docs/, served as HTML and, for agents, as it is. In the order of the menu. */
export const DOCUMENTS = [
  { name: 'start', title: 'Start here' },
  { name: 'buy', title: 'Buy and call an API' },
  { name: 'authentication', title: 'Authentication' },
  { name: 'limits', title: 'Quotas and headers' },
  { name: 'errors', title: 'Errors' },
  { name: 'billing', title: 'What is billed' },
  { name: 'sell', title: 'Sell an API' },
  { name: 'management-api', title: 'Management API' },
] as const;

export interface Documentation {
  /** Markdown of a page with this deployment's addresses filled in; undefined when there is no such page. */
  markdown(name: string): string | undefined;
  /** The same as HTML; written by us, so its tables, headings and anchors are kept. */
  html(name: string): string | undefined;
}

export function makeDocumentation(values: Readonly<Record<string, string>>, folder = join(projectRoot(), 'views', 'docs')): Documentation {
  const texts = new Map<string, string>(DOCUMENTS.map(({ name }) => [name, fill(readFileSync(join(folder, `${name}.md`), 'utf8'), values)]));
  const renderer = makeMarkdown();
  const pages = new Map([...texts].map(([name, text]) => [name, renderer.render(text)]));
  return { markdown: (name) => texts.get(name), html: (name) => pages.get(name) };
}

/** Only our own names are filled in: samples in JavaScript write `${…}` too. */
const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\$\{([a-zA-Z]+)\}/g, (all, name: string) => (Object.hasOwn(values, name) ? (values[name] ?? all) : all));

function makeMarkdown() {
  const markdown = new MarkdownIt({ html: false });
  const { escapeHtml } = markdown.utils;
  // The same block as partials/code: a caption, a copy button that the script shows, a scroll area the keyboard reaches.
  markdown.renderer.rules.fence = (tokens, index) => {
    const { content, info } = tokens[index] ?? { content: '', info: '' };
    const label = escapeHtml(info || 'Text');
    return `<figure class="code" data-module="copy"><figcaption><span>${label}</span><button type="button" class="code-copy" data-copy hidden><span data-copy-label>Copy</span></button></figcaption><pre tabindex="0" aria-label="${label}"><code>${escapeHtml(content.trimEnd())}</code></pre></figure>`;
  };
  markdown.renderer.rules.heading_open = (tokens, index) => {
    const [token, inline] = [tokens[index], tokens[index + 1]];
    const id = (inline?.content ?? '')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '');
    return `<${token?.tag ?? 'h2'} id="${id}">`;
  };
  markdown.renderer.rules.table_open = () => '<div class="table-scroll" tabindex="0" role="region" aria-label="Table"><table data-name="documentation">';
  markdown.renderer.rules.table_close = () => '</table></div>';
  return markdown;
}
