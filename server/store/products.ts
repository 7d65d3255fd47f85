import { Schema, type Connection } from 'mongoose';
import { PLATFORM_ORGANIZATION } from '../domain/actor.ts';
import type { ProductStatus } from '../domain/lifecycles.ts';
import type { PlanDocument } from '../domain/plan.ts';
import { VERSION_STANDINGS, type VersionStanding } from '../domain/plan-versions.ts';
import { insertOnce } from './connect.ts';
import { chunks } from './publications.ts';
import type { TouchList } from './list-versions.ts';
import { addPlaced, ANY_PLACE, ONE_SLOT, takenPlaces } from './slots.ts';

export interface ProductDoc {
  _id: string;
  slug: string;
  /** The provider. */
  organizationId: string;
  gatewayId: string;
  environmentId: string;
  groupId: string;
  apiIds: string[];
  name: string;
  tagline: string;
  /** Markdown. */
  description: string;
  category: string;
  tags: string[];
  logo: { contentType: string; data: Buffer; hash: string } | null;
  /** Markdown. */
  terms: string;
  dataSource: string;
  dataLicence: string;
  status: ProductStatus;
  statusReason: string;
  submittedAt: number | null;
  listedAt: number | null;
  /** Its place among those an organization has room for; given back when it is retired. */
  slot?: number | null;
  createdAt: number;
  updatedAt: number;
  rev: number;
}

export interface PlanDoc {
  _id: string;
  productId: string;
  /** Short name in addresses and lists: `free`, `starter`. Unique in its product. */
  name: string;
  title: string;
  /** One line under the title. */
  summary: string;
  ordinal: number;
  /** The newest published version, `plan_…_v3`; null while never published. */
  currentVersionId: string | null;
  versions: number;
  retired: boolean;
  createdAt: number;
  rev: number;
}

/** What it says, for whom and from when never changes (rule N6); `standing` tells what became of an announcement. */
export interface PlanVersionDoc {
  /** `<plan>_v<n>` */
  _id: string;
  planId: string;
  planName: string;
  productId: string;
  n: number;
  document: PlanDocument;
  /** SHA-256 of the canonical JSON. */
  hash: string;
  publishedAt: number;
  /** From when it counts for running subscriptions; null = for new subscribers only. */
  effectiveAt: number | null;
  standing: VersionStanding;
  /** What follows from its standing (the offer, periods stored ahead, letters) is not known to be done: whoever finds it does it again. */
  unsettled?: boolean;
}

const text = { type: String, required: true } as const;
const optional = { type: String, default: '' } as const;
const number = { type: Number, required: true } as const;
const time = { type: Number, default: null } as const;
const mixed = { type: Schema.Types.Mixed } as const;
const options = { strict: 'throw', versionKey: false, minimize: false } as const;

/** The last instant that a date can name, epoch ms: the other end of a range that has one end. */
const INSTANT_MAX = 8_640_000_000_000_000;

/** What lists need of a product. */
const LISTED = { apiIds: 1, createdAt: 1, gatewayId: 1, listedAt: 1, name: 1, organizationId: 1, slug: 1, status: 1, statusReason: 1, tagline: 1 } as const;
export type ListedProduct = Pick<ProductDoc, '_id' | keyof typeof LISTED>;

export function makeProductsStore(connection: Connection, touch: TouchList) {
  const products = new Schema<ProductDoc>(
    {
      _id: text,
      slug: text,
      organizationId: text,
      gatewayId: text,
      environmentId: text,
      groupId: text,
      apiIds: { type: [String], required: true },
      name: text,
      tagline: optional,
      description: optional,
      category: optional,
      tags: { type: [String], default: [] },
      logo: { ...mixed, default: null },
      terms: optional,
      dataSource: optional,
      dataLicence: optional,
      status: { type: String, enum: ['draft', 'submitted', 'listed', 'rejected', 'deprecated', 'retired'], required: true },
      statusReason: optional,
      submittedAt: time,
      listedAt: time,
      slot: time,
      createdAt: number,
      updatedAt: number,
      rev: number,
    },
    options,
  );
  products.index({ slug: 1 }, { unique: true });
  products.index({ organizationId: 1, slot: 1 }, ONE_SLOT);
  products.index({ organizationId: 1 });
  products.index({ status: 1 });
  const plans = new Schema<PlanDoc>(
    {
      _id: text,
      productId: text,
      name: text,
      title: text,
      summary: optional,
      ordinal: number,
      currentVersionId: { type: String, default: null },
      versions: number,
      retired: { type: Boolean, required: true },
      createdAt: number,
      rev: number,
    },
    options,
  );
  plans.index({ productId: 1, name: 1 }, { unique: true });
  const versions = new Schema<PlanVersionDoc>(
    {
      _id: text,
      planId: text,
      planName: text,
      productId: text,
      n: number,
      document: { ...mixed, required: true },
      hash: text,
      publishedAt: number,
      effectiveAt: time,
      standing: { type: String, enum: VERSION_STANDINGS, required: true },
      unsettled: { type: Boolean, default: false },
    },
    options,
  );
  versions.index({ planId: 1, n: 1 }, { unique: true });
  versions.index({ productId: 1 });
  versions.index({ planId: 1, effectiveAt: 1 });
  versions.index({ unsettled: 1 }, { partialFilterExpression: { unsettled: true }, name: 'unsettled' });

  const Products = connection.model('Product', products);
  const Plans = connection.model('Plan', plans);
  const PlanVersions = connection.model('PlanVersion', versions);

  /** Also when nothing was modified: a write that the driver repeats after a lost answer meets its own work. */
  async function touched<T>(of: Pick<ProductDoc, 'organizationId'> | null, outcome: T): Promise<T> {
    if (of) await touch('products', of.organizationId);
    return outcome;
  }
  const sellerOf = (id: string) => Products.findById(id, { organizationId: 1 }).lean<Pick<ProductDoc, '_id' | 'organizationId'>>();

  return {
    models: [Products, Plans, PlanVersions],
    /** `taken`: the slug is. @param limit  how many an organization has room for */
    async addProduct(product: ProductDoc, limit: number) {
      const { organizationId, slug } = product;
      return touched(product, await addPlaced(Products, product, { organizationId }, limit, async () => (await Products.exists({ slug })) !== null));
    },
    /** How many places of an organization are taken. */
    placesOfProducts: (organizationId: string) => takenPlaces(Products, { organizationId }),
    product: (id: string) => Products.findById(id).lean<ProductDoc>(),
    products: (ids: string[]) => Products.find({ _id: { $in: ids } }).lean<ProductDoc[]>(),
    /** What lists name them by, without all else. */
    productNames: (ids: readonly string[]) =>
      Products.find({ _id: { $in: [...ids] } }, { name: 1, slug: 1 }).lean<Pick<ProductDoc, '_id' | 'name' | 'slug'>[]>(),
    /** As lists name them; retired ones too. */
    productsOf: (organizationId: string) => Products.find({ organizationId }, LISTED).lean<ListedProduct[]>(),
    productsIn: (status: ProductStatus) => Products.find({ status }).lean<ProductDoc[]>(),
    /** Those that wait for a decision, and since when. */
    submittedTimes: async (): Promise<{ id: string; at: number }[]> =>
      (await Products.find({ status: 'submitted' }, { submittedAt: 1 }).lean<Pick<ProductDoc, '_id' | 'submittedAt'>[]>()).map(({ _id, submittedAt }) => ({
        id: _id,
        at: submittedAt ?? 0,
      })),
    async updateProduct(id: string, rev: number, change: Partial<Omit<ProductDoc, '_id' | 'rev' | 'organizationId'>>): Promise<boolean> {
      const { modifiedCount } = await Products.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } });
      if ('status' in change || 'submittedAt' in change) await touch('reviews', PLATFORM_ORGANIZATION);
      return touched(await sellerOf(id), modifiedCount === 1);
    },
    /** Compare-and-set on status as well: of two decisions one takes effect. */
    async moveProduct(
      id: string,
      rev: number,
      from: ProductStatus,
      to: ProductStatus,
      change: Partial<Omit<ProductDoc, '_id' | 'rev' | 'organizationId' | 'status'>>,
    ): Promise<boolean> {
      const { modifiedCount } = await Products.updateOne({ _id: id, rev, status: from }, { $set: { ...change, status: to, rev: rev + 1 } });
      if (from === 'submitted' || to === 'submitted') await touch('reviews', PLATFORM_ORGANIZATION);
      return touched(await sellerOf(id), modifiedCount === 1);
    },
    /** Those that hold a place in their organization: all but retired ones. */
    productsOfGateway: async (organizationId: string, gatewayId: string) =>
      (await Products.find({ organizationId, slot: ANY_PLACE }).lean<ProductDoc[]>()).filter((product) => product.gatewayId === gatewayId),
    async removeProduct(id: string, rev: number, status: ProductStatus): Promise<boolean> {
      const seller = await sellerOf(id);
      const { deletedCount } = await Products.deleteOne({ _id: id, rev, status });
      if (status === 'submitted') await touch('reviews', PLATFORM_ORGANIZATION);
      return touched(seller, deletedCount === 1);
    },
    /** Their product is gone, or goes next. */
    removePlansOf: async (productId: string) => void (await Plans.deleteMany({ productId })),
    addPlan: async (plan: PlanDoc) => touched(await sellerOf(plan.productId), await insertOnce(() => Plans.create(plan))),
    plan: (id: string) => Plans.findById(id).lean<PlanDoc>(),
    plans: (ids: readonly string[]) => Plans.find({ _id: { $in: [...ids] } }).lean<PlanDoc[]>(),
    /** Of which products the plans are that are open to new subscribers, each as often as it has some. */
    async openPlansOfProducts(productIds: readonly string[]): Promise<string[]> {
      const open: string[] = [];
      for (const some of chunks(productIds)) {
        const plans = await Plans.find({ productId: { $in: some }, retired: false }, { productId: 1, currentVersionId: 1 }).lean<
          Pick<PlanDoc, '_id' | 'currentVersionId' | 'productId'>[]
        >();
        for (const { productId, currentVersionId } of plans) if (currentVersionId !== null) open.push(productId);
      }
      return open;
    },
    plansOf: (productId: string) => Plans.find({ productId }).lean<PlanDoc[]>(),
    async updatePlan(id: string, rev: number, change: Partial<Omit<PlanDoc, '_id' | 'rev' | 'productId'>>): Promise<boolean> {
      const { modifiedCount } = await Plans.updateOne({ _id: id, rev }, { $set: { ...change, rev: rev + 1 } });
      const plan = await Plans.findById(id, { productId: 1 }).lean<Pick<PlanDoc, '_id' | 'productId'>>();
      return touched(plan && (await sellerOf(plan.productId)), modifiedCount === 1);
    },
    /** False: the plan has another version of this number, or this one. */
    addPlanVersion: (version: PlanVersionDoc) => insertOnce(() => PlanVersions.create(version)),
    unsettledVersions: () => PlanVersions.find({ unsettled: true }).lean<PlanVersionDoc[]>(),
    /** Out of `announced`, once: into force by the first period that begins under it, or withdrawn before. False: it was decided already; read how. */
    endAnnouncement: async (id: string, standing: 'in-force' | 'withdrawn') =>
      (await PlanVersions.updateOne({ _id: id, standing: 'announced' }, { $set: { standing, ...(standing === 'withdrawn' && { unsettled: true }) } }))
        .modifiedCount === 1,
    /** All that follows from this standing is done. */
    settleVersion: async ({ _id, standing }: Pick<PlanVersionDoc, '_id' | 'standing'>) =>
      void (await PlanVersions.updateOne({ _id, standing, unsettled: true }, { $set: { unsettled: false } })),
    planVersion: (id: string) => PlanVersions.findById(id).lean<PlanVersionDoc>(),
    planVersions: (ids: string[]) => PlanVersions.find({ _id: { $in: ids } }).lean<PlanVersionDoc[]>(),
    /** Versions [from, to) of a plan. */
    planVersionsBetween: (planId: string, from: number, to: number) => PlanVersions.find({ planId, n: { $gte: from, $lt: to } }).lean<PlanVersionDoc[]>(),
    /** Of a plan, all that was published for running subscriptions, withdrawn ones too, and the versions of these ids. */
    async announcedVersions(planId: string, ids: readonly string[]): Promise<PlanVersionDoc[]> {
      const [announced, named] = await Promise.all([
        PlanVersions.find({ planId, effectiveAt: { $gte: 0, $lte: INSTANT_MAX } }).lean<PlanVersionDoc[]>(),
        PlanVersions.find({ _id: { $in: [...ids] } }).lean<PlanVersionDoc[]>(),
      ]);
      return [...new Map([...announced, ...named].map((version) => [version._id, version])).values()];
    },
  };
}
