import MarkdownIt from 'markdown-it';
import sanitizeHtml from 'sanitize-html';

const markdown = new MarkdownIt({ html: false, linkify: true, typographer: false });

/**
 * Headings written by a provider start below the page's own: whatever its highest level is becomes h3, so that a page keeps its one
 * h1 and no level is skipped at the top.
 */
function lowerHeadings(tokens: ReturnType<typeof markdown.parse>): void {
  const levels = tokens.flatMap(({ type, tag }) => (type === 'heading_open' ? [Number(tag.slice(1))] : []));
  const highest = Math.min(...levels);
  for (const token of tokens) if (token.type.startsWith('heading_')) token.tag = `h${Math.min(6, Number(token.tag.slice(1)) - highest + 3)}`;
}

/** The same for a text within a line, as descriptions of parameters and answers are: code, emphasis and links, no paragraphs. */
export const renderMarkdownLine = (text: string): string =>
  sanitizeHtml(markdown.renderInline(text), {
    allowedTags: ['a', 'code', 'del', 'em', 's', 'strong'],
    allowedAttributes: { a: ['href', 'rel'] },
    allowedSchemes: ['http', 'https', 'mailto'],
    allowProtocolRelative: false,
    transformTags: { a: sanitizeHtml.simpleTransform('a', { rel: 'nofollow ugc noopener' }) },
  });

/**
 * HTML of a text that a stranger wrote. Raw HTML in it stays text; images are dropped (they would call outside);
 * links leave with `rel="nofollow ugc noopener"` and only to http(s) and mail addresses.
 */
export function renderMarkdown(text: string): string {
  const tokens = markdown.parse(text, {});
  lowerHeadings(tokens);
  return sanitizeHtml(markdown.renderer.render(tokens, markdown.options, {}), {
    allowedTags: [
      'a',
      'blockquote',
      'br',
      'code',
      'del',
      'em',
      'h3',
      'h4',
      'h5',
      'h6',
      'hr',
      'li',
      'ol',
      'p',
      'pre',
      's',
      'strong',
      'table',
      'tbody',
      'td',
      'th',
      'thead',
      'tr',
      'ul',
    ],
    allowedAttributes: { a: ['href', 'rel'], ol: ['start'] },
    allowedSchemes: ['http', 'https', 'mailto'],
    allowProtocolRelative: false,
    transformTags: { a: sanitizeHtml.simpleTransform('a', { rel: 'nofollow ugc noopener' }) },
  });
}
