import type { Actor } from '../../domain/actor.ts';
import { readImage } from '../../domain/image.ts';
import { canMove, type ProductStatus } from '../../domain/lifecycles.ts';
import { PRODUCT_LIMITS, isUnsold, productFaults, type ProductFields, type ReadinessItem } from '../../domain/product-rules.ts';
import { isAllowed } from '../../domain/rights.ts';
import { slugFault, slugOf } from '../../domain/slug.ts';
import { AppError } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/ids.ts';
import { isDuplicateKey } from '../../store/connect.ts';
import type { ProductDoc } from '../../store/products.ts';
import { noRoom } from '../access-names.ts';
import { RELEASE } from './gateways.ts';
import { faulty, ownGroup, ownProduct, refuseFaults, seesProduct, stillOpen, type ListingDependencies } from './own.ts';
import type { ProductRow } from './seller-lists.ts';
import { fieldsOf, readinessOf, readinessShown, sellableOf, type Sellable } from './product-readiness.ts';

export const PRODUCTS_MAX = 100;

export interface Products {
  /** The oldest first; retired ones too. */
  list(actor: Actor): Promise<readonly ProductRow[]>;
  get(actor: Actor, productId: string): Promise<ProductDoc>;
  /** A draft over APIs of one group, whose address becomes the product's. @param fields.slug  empty: made of the name */
  create(actor: Actor, groupId: string, apiIds: readonly string[], fields: ProductFields): Promise<ProductDoc>;
  /** Texts may change at any time, those of a listed product at once. */
  update(actor: Actor, productId: string, rev: number, fields: ProductFields): Promise<void>;
  /** @throws conflict on a listed product with live subscribers: they hold the list they were sold */
  setApis(actor: Actor, productId: string, rev: number, apiIds: readonly string[]): Promise<void>;
  /** @param bytes  PNG, JPEG or WebP, at most 256 KB; null takes the logo away */
  setLogo(actor: Actor, productId: string, bytes: Uint8Array | null): Promise<void>;
  /** The APIs of a group, and which of them can be sold. */
  sellable(actor: Actor, groupId: string): Promise<readonly Sellable[]>;
  readiness(actor: Actor, productId: string): Promise<ReadinessItem[]>;
  submit(actor: Actor, productId: string): Promise<void>;
  /** Take a submission back. */
  withdraw(actor: Actor, productId: string): Promise<void>;
  liveSubscribers(actor: Actor, productId: string): Promise<number>;
  /** @throws conflict while somebody subscribes */
  retire(actor: Actor, productId: string): Promise<void>;
  /** Delete a draft that was never listed. */
  discard(actor: Actor, productId: string): Promise<void>;
  /** A listing's is for everybody; any other one's for who may read the product or reviews it. Undefined when there is none for the actor. */
  logo(actor: Actor, productId: string): Promise<NonNullable<ProductDoc['logo']> | undefined>;
}

export function makeProducts({ store, clock, ids, audit, changes, directory, sellerLists }: ListingDependencies): Products {
  const { products } = store;

  /** Where something is decided by it; pages tell what is kept in memory. */
  const subscribersOf = async (productId: string) => (await store.subscriptions.liveOfProduct(productId)).length;

  /** Distinct APIs of this group whose security knows the app; anything else is a fault beside the list. */
  async function choose(groupId: string, apiIds: readonly string[]): Promise<string[]> {
    const wanted = [...new Set(apiIds)];
    if (wanted.length > PRODUCT_LIMITS.apisMax) throw faulty({ apiIds: `At most ${PRODUCT_LIMITS.apisMax} APIs.` });
    const found = (await store.apis.apis(wanted)).filter((api) => api.groupId === groupId);
    if (found.length !== wanted.length) throw faulty({ apiIds: 'Choose APIs of this group.' });
    const open = found.find(({ definition }) => !definition.security.startsWith('APP'));
    if (open) throw faulty({ apiIds: `${open.definition.name} cannot be sold: its security does not know who calls. Choose APP.` });
    return wanted;
  }

  async function move(
    actor: Actor,
    product: ProductDoc,
    to: ProductStatus,
    action: string,
    change: Partial<Omit<ProductDoc, '_id' | 'rev' | 'organizationId' | 'status'>> = {},
    /** What it was before, for the record; null: a step that the record of another one tells. */
    before: ProductStatus | null = product.status,
  ) {
    if (product.status === to) return;
    if (!canMove('product', product.status, to)) throw new AppError('conflict', `This product is ${product.status} and cannot become ${to}.`);
    const now = clock.now();
    if (!(await products.moveProduct(product._id, product.rev, product.status, to, { ...change, updatedAt: now }))) {
      if ((await products.product(product._id))?.status !== to) throw new AppError('conflict');
      return;
    }
    if (before !== null) await audit.append(actor, { action, resource: `product:${product._id}`, before: { status: before }, after: { status: to } });
    await changes.announce('catalogue-changed', { what: 'product', id: product._id });
  }

  async function write(
    actor: Actor,
    product: ProductDoc,
    rev: number,
    change: Partial<Omit<ProductDoc, '_id' | 'rev' | 'organizationId'>>,
    before: unknown,
    after: unknown,
  ) {
    try {
      if (!(await products.updateProduct(product._id, rev, { ...change, updatedAt: clock.now() }))) throw new AppError('conflict');
    } catch (error) {
      if (isDuplicateKey(error)) throw faulty({ slug: 'Another product has this address.' });
      throw error;
    }
    await audit.append(actor, { action: 'market:products:update', resource: `product:${product._id}`, before, after });
    await changes.announce('catalogue-changed', { what: 'product', id: product._id });
  }

  function check(fields: ProductFields): void {
    const fault = fields.slug === '' ? undefined : slugFault(fields.slug);
    refuseFaults({ ...productFaults(fields), ...(fault !== undefined && { slug: fault }) });
  }

  return {
    list: async (actor) => (await sellerLists.products(actor.organizationId)).filter((product) => seesProduct(actor, product)),
    get: (actor, productId) => ownProduct(store, actor, productId),

    async create(actor, groupId, apiIds, fields) {
      const group = await store.gateways.group(groupId);
      await ownGroup(store, actor, group?.gatewayId ?? '', groupId);
      check(fields);
      const environment = await store.gateways.environmentByName(group?.gatewayId ?? '', RELEASE);
      if (!group || !environment) throw new AppError('not-found');
      const now = clock.now();
      const product: ProductDoc = {
        _id: ids.next('prd'),
        organizationId: group.organizationId,
        gatewayId: group.gatewayId,
        environmentId: environment._id,
        groupId,
        apiIds: await choose(groupId, apiIds),
        ...fields,
        tags: [...fields.tags],
        slug: fields.slug || slugOf(fields.name),
        logo: null,
        status: 'draft',
        statusReason: '',
        submittedAt: null,
        listedAt: null,
        createdAt: now,
        updatedAt: now,
        rev: 1,
      };
      if (slugFault(product.slug) !== undefined) throw faulty({ slug: 'Choose an address: none can be made of the name.' });
      const outcome = await products.addProduct(product, PRODUCTS_MAX);
      if (outcome === 'taken') throw faulty({ slug: 'Another product has this address.' });
      if (outcome === 'full') throw noRoom(`${PRODUCTS_MAX} products`, 'Retire one, or delete a draft.');
      await stillOpen(store, product.gatewayId);
      await audit.append(actor, {
        action: 'market:products:create',
        resource: `product:${product._id}`,
        after: { ...fieldsOf(product), apiIds: product.apiIds.length },
      });
      return product;
    },

    async update(actor, productId, rev, fields) {
      const product = await ownProduct(store, actor, productId);
      check(fields);
      if (fields.slug === '') throw faulty({ slug: 'This is needed.' });
      // Links, programs and bills name it: the address of what was listed once stays.
      if (product.listedAt !== null && fields.slug !== product.slug) throw faulty({ slug: 'The address of a product that was listed cannot change.' });
      await write(actor, product, rev, { ...fields, tags: [...fields.tags] }, fieldsOf(product), fields);
    },

    async setApis(actor, productId, rev, apiIds) {
      const product = await ownProduct(store, actor, productId);
      const chosen = await choose(product.groupId, apiIds);
      if (!isUnsold(product.status)) {
        const subscribers = await subscribersOf(productId);
        if (subscribers > 0)
          throw new AppError('conflict', `${subscribers} live subscriptions hold the list of APIs they were sold. It can change when there are none.`);
      }
      await write(actor, product, rev, { apiIds: chosen }, { apiIds: product.apiIds.slice(0, 100) }, { apiIds: chosen.slice(0, 100), count: chosen.length });
    },

    async setLogo(actor, productId, bytes) {
      const product = await ownProduct(store, actor, productId);
      const reading = bytes && readImage(bytes);
      if (reading && 'fault' in reading) throw faulty({ logo: reading.fault });
      const logo = bytes && reading ? { contentType: reading.contentType, data: Buffer.from(bytes), hash: sha256Hex(Buffer.from(bytes)).slice(0, 16) } : null;
      await write(actor, product, product.rev, { logo }, { logo: product.logo?.hash ?? null }, { logo: logo?.hash ?? null });
    },

    async sellable(actor, groupId) {
      const found = await store.gateways.group(groupId);
      const group = await ownGroup(store, actor, found?.gatewayId ?? '', groupId);
      return sellableOf({ store, directory }, group.gatewayId, groupId);
    },

    readiness: async (actor, productId) => readinessShown({ store, directory }, await ownProduct(store, actor, productId)),

    async submit(actor, productId) {
      const product = await ownProduct(store, actor, productId);
      await stillOpen(store, product.gatewayId);
      const missing = (await readinessOf(store, product)).filter(({ done }) => !done);
      if (missing.length > 0) throw new AppError('conflict', missing.map((item) => item.missing).join(' '));
      await move(actor, product, 'submitted', 'market:products:submit', { submittedAt: clock.now(), statusReason: '' });
      // A gateway's deletion looks for products in review after it is decided: of the two, one sees the other.
      await stillOpen(store, product.gatewayId).catch(async (error: unknown) => {
        await move(actor, await ownProduct(store, actor, productId), 'draft', 'market:products:submit', { submittedAt: null });
        throw error;
      });
    },

    async withdraw(actor, productId) {
      await move(actor, await ownProduct(store, actor, productId), 'draft', 'market:products:submit', { submittedAt: null });
    },

    async liveSubscribers(actor, productId) {
      const { organizationId } = await ownProduct(store, actor, productId);
      return (await sellerLists.subscribers(organizationId)).ofProduct(productId);
    },

    async retire(actor, productId) {
      const product = await ownProduct(store, actor, productId);
      const before = await subscribersOf(productId);
      if (before > 0) throw new AppError('conflict', `${before} live subscriptions use this product. It can be retired when there are none.`);
      // Closed to new buyers first, so that nobody slips in between the count and the end.
      if (product.status === 'listed') await move(actor, product, 'deprecated', 'market:products:update', {}, null);
      const closed = await ownProduct(store, actor, productId);
      const after = await subscribersOf(productId);
      if (after > 0) {
        if (product.status === 'listed') await move(actor, closed, 'listed', 'market:products:update', {}, null);
        throw new AppError('conflict', `${after} live subscriptions use this product. It can be retired when there are none.`);
      }
      await move(actor, closed, 'retired', 'market:products:update', { slot: null }, product.status);
    },

    async discard(actor, productId) {
      const product = await ownProduct(store, actor, productId);
      if (product.listedAt !== null || (product.status !== 'draft' && product.status !== 'rejected'))
        throw new AppError('conflict', 'Only a draft that was never listed can be deleted.');
      if (!(await products.removeProduct(productId, product.rev, product.status)) && (await products.product(productId))) throw new AppError('conflict');
      await products.removePlansOf(productId);
      await audit.append(actor, { action: 'market:products:update', resource: `product:${productId}`, before: fieldsOf(product), after: null });
    },

    async logo(actor, productId) {
      const product = await products.product(productId);
      if (!product?.logo) return undefined;
      const shown =
        product.status === 'listed' ||
        product.status === 'deprecated' ||
        (product.organizationId === actor.organizationId && seesProduct(actor, product)) ||
        isAllowed(actor, 'platform:reviews:get');
      if (!shown) return undefined;
      const { contentType, data, hash } = product.logo;
      // The store gives binary values in its own wrapping.
      return { contentType, hash, data: Buffer.isBuffer(data) ? data : Buffer.from((data as unknown as { buffer: Uint8Array }).buffer) };
    },
  };
}
