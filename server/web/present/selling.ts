import type { Overview } from '../../services/catalog/overview.ts';

type Selling = Awaited<ReturnType<Overview['selling']>>;

/** Products on one page, of those on offer as of retired ones. */
export const PRODUCTS_PAGE_SIZE = 25;

export interface Step {
  readonly title: string;
  readonly text: string;
  readonly done: boolean;
  readonly current: boolean;
  readonly href: string;
  readonly action: string;
}

/** The way from nothing to a listing, each step with the page where it goes on. */
export function sellingSteps({ seller, gateways, products: offered, retired }: Selling): Step[] {
  const products = [...offered, ...retired];
  const gateway = gateways[0]?.gateway;
  const groups = gateways.flatMap((one) => one.groups);
  const group = groups[0]?.group;
  const filled = groups.find(({ apis }) => apis > 0);
  const live = groups.some((one) => one.live > 0);
  const groupPath = (one = filled?.group ?? group) => (one ? `/gateways/${one.gatewayId}/groups/${one._id}` : '/gateways');
  const open = products.find(({ status }) => status === 'draft' || status === 'rejected') ?? products[0];
  const productPath = open ? `/products/${open._id}` : '/products/new';
  const sent = products.some(({ status }) => !['draft', 'rejected'].includes(status));
  const steps = [
    {
      title: 'Seller profile',
      text: 'Who you are to buyers, and where they turn with questions.',
      done: seller !== null,
      href: '/selling/profile',
      action: 'Write it',
    },
    {
      title: 'Gateway',
      text: 'A space of your own for APIs, credentials and limits.',
      done: gateways.length > 0,
      href: '/gateways/new',
      action: 'Create a gateway',
    },
    {
      title: 'Group',
      text: 'APIs of one group share an address and are sold together.',
      done: groups.length > 0,
      href: gateway ? `/gateways/${gateway._id}/groups` : '/gateways',
      action: 'Add a group',
    },
    {
      title: 'APIs',
      text: 'Import an OpenAPI document, or describe them by hand.',
      done: filled !== undefined,
      href: group ? `${groupPath(group)}/imports/new` : '/gateways',
      action: 'Import a document',
    },
    {
      title: 'Test and publish',
      text: 'Try whether your server can be reached, then make the APIs live.',
      done: live,
      href: groupPath(),
      action: 'To the APIs',
    },
    {
      title: 'Product',
      text: 'Choose the APIs, and write the listing: texts, category, logo, terms.',
      done: products.length > 0,
      href: '/products/new',
      action: 'Make a product',
    },
    {
      title: 'Plans',
      text: 'Free, a monthly fee, pay per call, or prices that fall with volume.',
      done: products.some(({ plans }) => plans > 0),
      href: open ? `${productPath}/plans` : '/products',
      action: 'Add a plan',
    },
    { title: 'Review', text: 'An operator looks at it before it is listed.', done: sent, href: productPath, action: 'Submit it' },
  ];
  const next = steps.findIndex(({ done }) => !done);
  return steps.map((step, index) => ({ ...step, current: index === next }));
}
