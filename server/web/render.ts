import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { Response } from 'express';
import Handlebars from 'handlebars';
import type { Action } from '../domain/actions.ts';
import { helpers } from './helpers.ts';
import { navigation } from './present/navigation.ts';
import { projectRoot } from './project-root.ts';

/** A message shown once, after a redirect or on the page that answers. */
export interface Flash {
  readonly kind: 'success' | 'info' | 'warning' | 'error';
  readonly text: string;
}

/** What every page may use as `@name`, beside its own view model. Middleware leaves it in `res.locals.page`. */
export interface PageData {
  /** Null when nobody is signed in. */
  readonly user: { readonly name: string; readonly email: string } | null;
  /** What the side navigation may lead to. */
  readonly may: (action: Action) => boolean;
  /** The organization acted for; its sides decide what the navigation offers. */
  readonly organization: { readonly id: string; readonly name: string; readonly sells: boolean; readonly operates: boolean } | null;
  readonly flash: readonly Flash[];
  readonly nonce: string;
  /** Path of the request without its query: marks the current entry of the navigation. */
  readonly path: string;
  /** True while the payment key is not a live one: every page then says that no real money moves. */
  readonly testPayments: boolean;
  /** True while the sandbox stands in for the outside world: the page links to /sandbox. */
  readonly sandbox: boolean;
  /** `auto` follows the system; the other two are the visitor's stored choice. */
  readonly theme: 'auto' | 'light' | 'dark';
}

export type Model = Readonly<Record<string, unknown>>;

export interface Renderer {
  /** @throws Error on a page, partial or helper that does not exist, and on a model that is not made of plain values */
  render(name: string, model: Model, data: PageData): string;
  /** Names of all views, for example `buyer/subscription`; layouts and partials are not among them. */
  readonly pages: readonly string[];
}

export const NOBODY: PageData = {
  user: null,
  may: () => false,
  organization: null,
  flash: [],
  nonce: '',
  path: '/',
  testPayments: true,
  sandbox: false,
  theme: 'auto',
};

/** Read every template below `views` once; templates are compiled at first use and kept. */
export function makeRenderer(views: string = join(projectRoot(), 'views')): Renderer {
  const hbs = Handlebars.create();
  hbs.registerHelper(helpers);
  const options: CompileOptions = {
    // An unknown helper fails when the page is compiled instead of printing nothing; partials keep their own indentation,
    // which matters inside <pre> and <textarea>.
    knownHelpersOnly: true,
    knownHelpers: Object.fromEntries(Object.keys(helpers).map((name) => [name, true])) as CompileOptions['knownHelpers'] & object,
    preventIndent: true,
  };
  const compiled = new Map<string, Handlebars.TemplateDelegate>();
  for (const file of readdirSync(views, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.hbs'))
    .sort()) {
    const name = relative('.', file)
      .split(sep)
      .join('/')
      .replace(/\.hbs$/, '');
    const template = hbs.compile(readFileSync(join(views, file), 'utf8'), options) as Handlebars.TemplateDelegate;
    compiled.set(name, template);
    hbs.registerPartial(name.replace(/^partials\//, ''), template);
  }
  return {
    pages: [...compiled.keys()].filter((name) => !/^(layouts|partials)\//.test(name)),
    render(name, model, data) {
      const template = compiled.get(name);
      if (!template) throw new Error(`no such view: ${name}`);
      return template(model, {
        data: {
          ...data,
          initial: (data.user?.name ?? '').slice(0, 1).toUpperCase(),
          seesAudit: data.may('market:audit:get'),
          navigation: navigation(data.path, data.organization, data.may),
          section: data.path.split('/')[1] ?? '',
        },
        // View models are plain objects: nothing inherited is ever read, so that neither a document's methods nor
        // `constructor` can be reached from a template.
        allowProtoPropertiesByDefault: false,
        allowProtoMethodsByDefault: false,
      });
    },
  };
}

let shared: Renderer | undefined;

/** The renderer of this process, made at first use. */
export const renderer = (): Renderer => (shared ??= makeRenderer());

/** The page data that middleware left for this answer, completed for a visitor nobody knows. */
export const pageData = (res: Response): PageData => ({
  ...NOBODY,
  path: res.req.originalUrl.split('?')[0] ?? '/',
  theme: themeOf(res.req.headers.cookie),
  ...(res.locals['page'] as Partial<PageData> | undefined),
});

/** The visitor's stored choice, so that the first paint is right; anything else in the cookie follows the system. */
export function themeOf(cookies: string | undefined): PageData['theme'] {
  const theme = /(?:^|; ?)tollgate-theme=(light|dark)(?:;|$)/.exec(cookies ?? '')?.[1];
  return theme === 'light' || theme === 'dark' ? theme : 'auto';
}

/** Answer with a page: `name` is its path below views/, `model` a plain object made by `present/`. */
export function page(res: Response, name: string, model: Model = {}, status = 200): void {
  res
    .status(status)
    .type('html')
    .send(renderer().render(name, model, pageData(res)));
}
