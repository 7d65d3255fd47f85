import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../server/config.ts';

const ROOT = projectRoot();
const files = (folder: string): [string, string][] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [join(folder, file), readFileSync(join(ROOT, folder, file), 'utf8')]);

/** Verbs that are asked without saying who asks, each kind with its reason. */
const NOBODY: readonly (readonly [reason: string, verbs: RegExp])[] = [
  ['not services, but what they are made of', /^(clock|ids)\./],
  [
    'who comes is what they find out',
    /^(accounts\.(signIn|user|memberships|resetTokenLives)|access\.policiesOf|keyActors\.\w+|passkeys\.(beginSignIn|ofUser|stands))$/,
  ],
  ['the way in, before anybody is known', /^(signOn\.demand(edOf)?|signOnFlow\.(depart|test)|secondFactor\.(pendingSecret|prove)|recovery\.offer)$/],
  ['the shop window, which is everybody’s', /^storefront\.\w+$/],
  [
    'work of the clock: the jobs name no person',
    /^(auditRetention\.expireDue|keyWarnings\.warnOfEnds|usageTotals\.rollUp|planAnnouncements\.carryOn|subscriptions\.sweep)$/,
  ],
  ['work of the clock: the jobs name no person', /^invoicing\.(bringForward|dueInvoices|duePeriods|issuePeriod)$/],
  ['what is computed of rows that were read for somebody', /^overview\.(awaited|periodsIn)$/],
  ['the sandbox’s time is nobody’s', /^clockControl\.(move|progress)$/],
];

describe('tidy: who acts', () => {
  it('is told to every verb of a service, first, by the portal and the jobs', () => {
    const index = readFileSync(join(ROOT, 'server/services/index.ts'), 'utf8');
    const names = [...index.slice(index.lastIndexOf('  return {')).matchAll(/^ {4}(\w+)(?:,|:)/gm)].map(([, name = '']) => name);
    expect(names).to.include.members(['accounts', 'catalog', 'mailbox', 'subscriptions']);
    const call = new RegExp(`(?<![.\\w])(?:services\\.)?(${names.join('|')})((?:\\.\\w+)+)\\(\\s*([^,()]*\\(?)`, 'g');
    const anonymous = new Set<string>();
    for (const [path, text] of [...files('server/web'), ...files('jobs')])
      for (const [, service = '', verb = '', first = ''] of text.matchAll(call)) {
        // Lists that bear a service's name.
        if (/\.(map|flatMap|filter|find|default|rows|length|array)\b/.test(verb)) continue;
        if (/^(actor\b|actorOf\(|SYSTEM|input\.actor|req\.actor|\{ \.\.\.SYSTEM)/.test(first.trim())) continue;
        if (!NOBODY.some(([, verbs]) => verbs.test(service + verb))) anonymous.add(`${path}: ${service}${verb}(${first.trim()}`);
      }
    expect([...anonymous]).to.deep.equal([]);
  });
});
