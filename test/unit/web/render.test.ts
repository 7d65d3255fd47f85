import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { makeRenderer, themeOf, type PageData, type Renderer } from '../../../server/web/render.ts';

const DATA: PageData = {
  user: null,
  may: () => true,
  organization: null,
  flash: [],
  nonce: 'n',
  path: '/x',
  testPayments: true,
  sandbox: false,
  theme: 'auto',
};

describe('render', () => {
  const folders: string[] = [];
  const views = (files: Record<string, string>): Renderer => {
    const folder = mkdtempSync(join(tmpdir(), 'views-'));
    folders.push(folder);
    for (const [name, source] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, `${name}.hbs`), source);
    }
    return makeRenderer(folder);
  };
  after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

  it('puts a page into its layout and keeps page data in every depth', () => {
    const made = views({
      'layouts/plain': '<title>{{title}}</title>{{> @partial-block}}',
      'a/page': '{{#> layouts/plain title="T"}}{{#each items}}[{{this}} {{@path}}]{{/each}}{{/layouts/plain}}',
    });
    expect(made.render('a/page', { items: ['p', 'q'] }, DATA)).to.equal('<title>T</title>[p /x][q /x]');
    expect(made.pages).to.deep.equal(['a/page']);
  });
  it('escapes what it prints', () => {
    expect(views({ p: '<b title="{{x}}">{{x}}</b>' }).render('p', { x: '"><script>' }, DATA)).to.equal(
      '<b title="&quot;&gt;&lt;script&gt;">&quot;&gt;&lt;script&gt;</b>',
    );
  });
  it('reads nothing inherited from a model', () => {
    class Row {
      get secret(): string {
        return 'leak';
      }
    }
    const made = views({ p: '[{{row.secret}}{{row.constructor.name}}{{row.toString}}]' });
    expect(made.render('p', { row: new Row() }, DATA)).to.equal('[]');
  });
  it('fails on a view, a partial or a helper that does not exist', () => {
    const made = views({ partial: '{{> nowhere}}', helper: '{{shout "x"}}' });
    expect(() => made.render('none', {}, DATA)).to.throw('no such view: none');
    expect(() => made.render('../package.json', {}, DATA)).to.throw('no such view');
    expect(() => made.render('partial', {}, DATA)).to.throw('nowhere');
    expect(() => made.render('helper', {}, DATA)).to.throw('shout');
  });
  it('prints a property that is named like a helper, and calls the helper when it gets arguments', () => {
    const made = views({ p: '{{status}} {{number}} {{#each rows}}{{method}}{{/each}} {{number 1234}} [{{date}}]' });
    expect(made.render('p', { status: 404, number: 'AD-0007', rows: [{ method: '<GET>' }] }, DATA)).to.equal('404 AD-0007 &lt;GET&gt; 1,234 []');
  });
  it('keeps the lines of preformatted text when a partial is indented', () => {
    const made = views({ 'partials/code': '<pre>{{text}}</pre>', p: '<div>\n    {{> code text=text}}\n</div>' });
    expect(made.render('p', { text: 'a\nb' }, DATA)).to.contain('<pre>a\nb</pre>');
  });
  it('takes the theme from its cookie, and only a theme', () => {
    expect(themeOf('a=1; tollgate-theme=dark')).to.equal('dark');
    expect(themeOf('tollgate-theme=light; b=2')).to.equal('light');
    expect(themeOf('tollgate-theme="><script>')).to.equal('auto');
    expect(themeOf('xtollgate-theme=dark')).to.equal('auto');
    expect(themeOf(undefined)).to.equal('auto');
  });

  it('shows the actions of a heading also where they begin with a condition, and none where it does not hold', () => {
    const page = (mayCreate: boolean) => makeRenderer().render('organization/groups', { groups: [], mayCreate }, DATA);
    const actions = (html: string) => /<div class="heading-actions">(.*?)<\/div>/s.exec(html)?.[1] ?? '';
    expect(actions(page(true))).to.contain('href="/organization/groups/new"');
    expect(actions(page(false))).to.equal('');
  });
});
