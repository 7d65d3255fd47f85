import type { Answer, Visitor } from './browserless.ts';
import { CLIENT, startIssuer, type Issuer, type Person } from './issuer.ts';
import { PASSWORD, startPortal, type Member, type Portal } from './portal.ts';

export interface SignOnWorld {
  readonly portal: Portal;
  readonly issuer: Issuer;
  readonly operator: Visitor;
  /** The owner of an organization with the issuer, and a confirmed domain of its own. */
  organization(name: string, rules?: Record<string, string | readonly string[]>): Promise<Member & { readonly domain: string }>;
  setRules(owner: Visitor, rules: Record<string, string | readonly string[]>): Promise<Answer>;
  /** Type an address at the sign-in page. @returns where that leads: the issuer's address, or the page with its fault */
  depart(person: Visitor, email: string, next?: string): Promise<{ readonly address: string; readonly answer: Answer }>;
  /** All the way: our page, the issuer, and back. */
  signIn(person: Visitor, who: Person & { readonly email: string }, next?: string): Promise<Answer>;
  stop(): Promise<void>;
}

const HOME = '/organization/single-sign-on';
export const revOf = (text: string): string => /name="rev" value="(\d+)"/.exec(text)?.[1] ?? '';

/** Somebody of the platform alone, signed in. */
export async function signedInOperator({ composition, visitor }: Portal): Promise<Visitor> {
  const { services, store } = composition;
  const email = 'olga@platform.test';
  const made = await services.accounts.register({ email, password: PASSWORD, name: 'Olga', organization: 'Olga' });
  if (!made) throw new Error('no operator');
  await services.accounts.addOperators(made.user);
  await store.accounts.removeMembership(made.organization._id, made.user._id);
  const operator = visitor();
  await operator.post('/sign-in', { email, password: PASSWORD });
  return operator;
}

export async function startSignOnWorld(): Promise<SignOnWorld> {
  const issuer = await startIssuer();
  const portal = await startPortal({ UPSTREAM_ALLOW: issuer.place });
  const operator = await signedInOperator(portal);
  let domains = 0;

  async function setRules(owner: Visitor, rules: Record<string, string | readonly string[]>): Promise<Answer> {
    return owner.post(`${HOME}/rules`, { ...rules, rev: revOf((await owner.get(HOME)).text) });
  }
  async function depart(person: Visitor, email: string, next = '/apps') {
    const answer = await person.post('/sign-in/sso', { email, next });
    return { address: answer.headers.get('refresh')?.replace('0; url=', '') ?? '', answer };
  }
  return {
    portal,
    issuer,
    operator,
    setRules,
    depart,
    async organization(name, rules = {}) {
      const owner = await portal.member(name);
      const domain = `${name.toLowerCase()}${(domains += 1)}.example`;
      await owner.post(HOME, { issuer: issuer.issuer, clientId: CLIENT.id, clientSecret: CLIENT.secret, rev: '0' });
      await owner.post(`${HOME}/domains`, { domain });
      await operator.post(`/admin/domains/${owner.organizationId}.${domain}/confirmation`, { evidence: 'TXT record seen' });
      const saved = await setRules(owner, rules);
      if (saved.location !== HOME) throw new Error(`the rules answered ${saved.status}: ${saved.text}`);
      return Object.assign(owner, { domain });
    },
    async signIn(person, who, next) {
      const { address, answer } = await depart(person, who.email, next);
      if (address === '') throw new Error(`no way to the issuer: ${answer.status}`);
      return person.get(await issuer.walk(address, who));
    },
    async stop() {
      await portal.stop();
      await issuer.stop();
    },
  };
}
