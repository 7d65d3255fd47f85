import type { Request } from 'express';
import { z } from 'zod';
import { CATEGORIES, categoryName } from '../../domain/categories.ts';
import { PRODUCT_LIMITS, tagsOf, type ProductFields } from '../../domain/product-rules.ts';
import type { ProductDoc } from '../../store/products.ts';
import { field } from '../forms.ts';
import type { FieldSpec } from '../present/form.ts';
import { productTabs, productTrail, type ProductTab } from '../present/provider.ts';
import { part } from './provider-kit.ts';

/** The texts of a listing. */
export const ListingForm = z.strictObject({
  name: field.title(PRODUCT_LIMITS.nameMax),
  slug: z.string().trim().toLowerCase().max(50).default(''),
  tagline: field.line(PRODUCT_LIMITS.taglineMax),
  description: field.text(PRODUCT_LIMITS.descriptionMax),
  category: z.string().max(30).default(''),
  tags: field.line(400),
  terms: field.text(PRODUCT_LIMITS.termsMax),
  dataSource: field.line(PRODUCT_LIMITS.sourceMax),
  dataLicence: field.line(PRODUCT_LIMITS.sourceMax),
});
export const LISTING_FIELDS = {
  name: { label: 'Name', required: true, maxlength: PRODUCT_LIMITS.nameMax },
  slug: {
    label: 'Address',
    maxlength: 50,
    prefix: '/apis/',
    help: 'Lower-case letters, digits and hyphens; empty: made of the name. It stays once the product was listed.',
  },
  tagline: { label: 'Tagline', maxlength: PRODUCT_LIMITS.taglineMax, help: 'One line on the card in the storefront.' },
  description: {
    label: 'Description',
    type: 'textarea',
    rows: 10,
    maxlength: PRODUCT_LIMITS.descriptionMax,
    help: 'Markdown: what it is, what it is good for, how fresh the data is.',
  },
  category: {
    label: 'Category',
    type: 'select',
    options: [{ value: '', label: 'Choose one' }, ...CATEGORIES.map(({ id, name }) => ({ value: id, label: name }))],
  },
  tags: { label: 'Tags', maxlength: 400, help: 'Separated by commas, at most 10.' },
  terms: { label: 'Terms of use', type: 'textarea', rows: 6, maxlength: PRODUCT_LIMITS.termsMax, help: 'Markdown. Buyers agree to them when they subscribe.' },
  dataSource: { label: 'Source of the data', maxlength: PRODUCT_LIMITS.sourceMax, help: 'Where the data comes from, when it is not your own.' },
  dataLicence: { label: 'Licence of the data', maxlength: PRODUCT_LIMITS.sourceMax, placeholder: 'CC-BY-4.0' },
} satisfies Record<string, FieldSpec>;
export const fieldsOf = (form: z.output<typeof ListingForm>): ProductFields => ({ ...form, tags: tagsOf(form.tags) });

export const pathOf = (req: Request) => `/products/${encodeURIComponent(part(req, 'id'))}`;

/** What every page of a product shows of it. */
export const productModel = (product: ProductDoc, tab: ProductTab) => ({
  product: {
    id: product._id,
    name: product.name,
    slug: product.slug,
    state: product.status,
    reason: product.statusReason,
    tagline: product.tagline,
    description: product.description,
    category: categoryName(product.category),
    tags: product.tags,
    terms: product.terms,
    dataSource: product.dataSource,
    dataLicence: product.dataLicence,
    apis: product.apiIds.length,
    rev: product.rev,
    listedAt: product.listedAt,
    submittedAt: product.submittedAt,
    updatedAt: product.updatedAt,
    logo: product.logo ? `/products/${product._id}/logo?v=${product.logo.hash}` : '',
    open: product.status === 'draft' || product.status === 'rejected',
    discardable: product.listedAt === null && (product.status === 'draft' || product.status === 'rejected'),
  },
  tabs: productTabs(product._id, tab),
  trail: productTrail(product),
});
