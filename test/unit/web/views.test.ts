import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import Handlebars from 'handlebars';
import { helpers } from '../../../server/web/helpers.ts';
import { iconSvg } from '../../../server/web/icons.ts';
import { projectRoot } from '../../../server/web/project-root.ts';

type Node = hbs.AST.Node;

const VIEWS = join(projectRoot(), 'views');
const PUBLIC = join(projectRoot(), 'public');
const files = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => name.split('\\').join('/'))
    .sort();
const views = files(VIEWS, '.hbs').map((file) => ({ name: file.replace(/\.hbs$/, ''), source: readFileSync(join(VIEWS, file), 'utf8') }));
const pages = views.filter(({ name }) => !/^(layouts|partials)\//.test(name));
const partials = new Set(views.map(({ name }) => name.replace(/^partials\//, '')));
const server = ['server', 'jobs']
  .flatMap((folder) => files(join(projectRoot(), folder), '.ts').map((file) => readFileSync(join(projectRoot(), folder, file), 'utf8')))
  .join('\n');

/** Every node of a template, with the scopes around it from the outside in. */
function* nodesOf(node: Node, scopes: readonly ('context' | 'partial')[] = []): Generator<{ node: Node; scopes: readonly ('context' | 'partial')[] }> {
  yield { node, scopes };
  const block = node as unknown as { path: unknown; hash: { pairs: unknown[] } | null; name: unknown };
  const opens = node.type === 'BlockStatement' && ['each', 'with'].includes((block.path as hbs.AST.PathExpression).original) ? 'context' : undefined;
  // A partial's block whose call adds values runs in a context of its own: `../` in it costs one more step.
  const shifts =
    node.type === 'PartialBlockStatement' && (block.hash?.pairs.length ?? 0) > 0 && !(block.name as hbs.AST.PathExpression).original.startsWith('layouts/')
      ? 'partial'
      : undefined;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'loc' || key === 'strip') continue;
    const inside = (opens ?? shifts) && key === 'program' ? [...scopes, (opens ?? shifts) as 'context' | 'partial'] : scopes;
    for (const child of Array.isArray(value) ? value : [value])
      if (typeof child === 'object' && child !== null && 'type' in child) yield* nodesOf(child as Node, inside);
    if (key === 'hash' && value) for (const pair of (value as hbs.AST.Hash).pairs) yield* nodesOf(pair.value, scopes);
  }
}

const literalsOf = (source: string, helper: string): string[] =>
  [...nodesOf(Handlebars.parse(source))].flatMap(({ node }) => {
    const call = node as hbs.AST.MustacheStatement;
    return ['MustacheStatement', 'SubExpression'].includes(node.type) &&
      (call.path as hbs.AST.PathExpression).original === helper &&
      call.params[0]?.type === 'StringLiteral'
      ? [(call.params[0] as hbs.AST.StringLiteral).value]
      : [];
  });

describe('views', () => {
  it('compare with `and` as `#if` would: the first value that is not set decides, also where it is missing', () => {
    const { and } = helpers;
    const of = (...values: unknown[]): unknown => and?.call({}, ...values, {});
    for (const missing of [undefined, null, false, 0, '', []]) {
      expect(of(missing, true)).to.equal(missing);
      expect(of(true, missing)).to.equal(missing);
    }
    expect([of(1, 'last'), of('first', 2, 3)]).to.deep.equal(['last', 3]);
  });
  it('use helpers that exist', () => {
    const knownHelpers = Object.fromEntries(Object.keys(helpers).map((name) => [name, true])) as CompileOptions['knownHelpers'] & object;
    for (const { name, source } of views) expect(() => Handlebars.precompile(source, { knownHelpersOnly: true, knownHelpers }), name).not.to.throw();
  });
  it('use partials and layouts that exist', () => {
    for (const { name, source } of views) {
      for (const { node } of nodesOf(Handlebars.parse(source))) {
        if (node.type !== 'PartialStatement' && node.type !== 'PartialBlockStatement') continue;
        const used = ((node as hbs.AST.PartialStatement).name as hbs.AST.PathExpression).original;
        if (used !== '@partial-block') expect([...partials], `${name} uses ${used}`).to.include(used);
      }
    }
  });
  it('show icons, files and modules that exist', () => {
    const bound = readFileSync(join(PUBLIC, 'js', 'main.js'), 'utf8');
    for (const { name, source } of views) {
      for (const icon of literalsOf(source, 'icon')) expect(() => iconSvg(icon), `${name} shows ${icon}`).not.to.throw();
      for (const file of literalsOf(source, 'asset')) expect(existsSync(join(PUBLIC, file)), `${name} loads ${file}`).to.equal(true);
      for (const [, module] of source.matchAll(/data-module="([a-z-]+)"/g))
        expect(bound, `${name} binds ${module}`).to.match(new RegExp(`(?:'${module}'|[ {]${module}),?[: },]`));
    }
  });
  it('reach out of a partial’s block by @root, because ../ counts differently there', () => {
    const faults = views.flatMap(({ name, source }) =>
      [...nodesOf(Handlebars.parse(source))].flatMap(({ node, scopes }) => {
        if (node.type !== 'PathExpression') return [];
        const { depth, original } = node as hbs.AST.PathExpression;
        const innermost = scopes.lastIndexOf('partial');
        return innermost >= 0 && depth > scopes.length - 1 - innermost ? [`${name}: ${original}`] : [];
      }),
    );
    expect(faults).to.deep.equal([]);
  });
  it('are pages that a route or a mail asks for; no other lies about', () => {
    const unused = pages.filter(({ name }) => !server.includes(`'${name}'`) && !server.includes(`\`${name}\``)).map(({ name }) => name);
    expect(unused).to.deep.equal([]);
  });
  it('ask for pages that exist', () => {
    const asked = [...server.matchAll(/\bpage\(\s*res,\s*'([a-z0-9/-]+)'/g)].map(([, name]) => name ?? '');
    expect(asked.filter((name) => !pages.some((view) => view.name === name))).to.deep.equal([]);
    expect(asked.length).to.be.above(20);
  });
  it('stand in a layout', () => {
    for (const { name, source } of pages) expect(source.trimStart(), name).to.match(/^(\{\{!--[\s\S]*?--\}\}\s*)?\{\{#> layouts\/(site|console|bare|mail) /);
  });
  it('hold no style and no script of their own, and call nobody outside', () => {
    for (const { name, source } of views)
      expect(source, name).not.to.match(/\sstyle=|<style|\son[a-z]+=|<script(?! type="module" src="\{\{asset)|(?:src|action)="https?:/);
  });
  it('name their tables and forms, and say what the heads of tables belong to', () => {
    for (const { name, source } of views) {
      if (name.startsWith('layouts/mail')) continue;
      expect(source, name).not.to.match(/<table(?![^>]*data-name=)|<form(?![^>]*(?:data-name|role)=)|<th(?![a-z])(?![^>]*scope=)/);
    }
  });
});
