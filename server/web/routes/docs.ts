import { Router, type Response } from 'express';
import { AppError } from '../../kernel/errors.ts';
import { PROBLEMS, type ProblemCode } from '../../kernel/problems.ts';
import { DOCUMENTS, makeDocumentation } from '../documentation.ts';
import { open } from '../guards.ts';
import { page } from '../render.ts';

/** The documentation, for people and as Markdown, and a page for every problem code. */
export function docsRoutes(addresses: { webUrl: string; gatewayUrl: string }): Router {
  const router = Router();
  const documentation = makeDocumentation({ ...addresses, gatewayHost: new URL(addresses.gatewayUrl).host });
  const menu = (current: string) =>
    DOCUMENTS.map(({ name, title }) => ({ title, href: name === 'start' ? '/docs' : `/docs/${name}`, current: name === current }));

  const show = (res: Response, name: string): void => {
    const found = DOCUMENTS.find((document) => document.name === name);
    const html = documentation.html(name);
    if (!found || html === undefined) throw new AppError('not-found', 'The documentation has no such page.');
    page(res, 'storefront/docs', {
      documentTitle: found.title,
      html,
      menu: menu(name),
      source: `/docs/${name}.md`,
      problems: name === 'errors' ? { gateway: problems(true), portal: problems(false) } : null,
    });
  };

  router.get('/docs', open, (_req, res) => show(res, 'start'));
  router.get('/docs/:name.md', open, (req, res) => {
    const text = documentation.markdown(String(req.params['name']));
    if (text === undefined) throw new AppError('not-found', 'The documentation has no such page.');
    res.type('text/markdown').send(text);
  });
  router.get('/docs/:name', open, (req, res) => show(res, String(req.params['name'])));

  router.get('/problems/:code', open, (req, res) => {
    const code = String(req.params['code']);
    if (!Object.hasOwn(PROBLEMS, code)) throw new AppError('not-found', 'There is no problem of this name.');
    const problem = PROBLEMS[code as ProblemCode];
    page(res, 'storefront/problem', { code, ...problem, apig: problem.apig ?? null, menu: menu('errors') });
  });
  return router;
}

/** One row of the table of problems. */
const problems = (ofGateway: boolean) =>
  Object.entries(PROBLEMS)
    .filter(([, { apig }]) => (apig !== undefined) === ofGateway)
    .map(([code, { status, title, apig }]) => ({ code, status, title, apig: apig ?? null }));
