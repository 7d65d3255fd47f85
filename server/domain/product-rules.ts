import { isCategory } from './categories.ts';
import type { ProductStatus } from './lifecycles.ts';

export const PRODUCT_LIMITS = {
  nameMax: 64,
  taglineMax: 120,
  descriptionMax: 20_000,
  termsMax: 50_000,
  tagsMax: 10,
  tagMax: 30,
  sourceMax: 200,
  plansMax: 10,
  apisMax: 3_000,
  reasonMax: 1_000,
} as const;

/** What a listing says, as its form holds it. */
export interface ProductFields {
  readonly name: string;
  readonly slug: string;
  readonly tagline: string;
  /** Markdown. */
  readonly description: string;
  readonly category: string;
  readonly tags: readonly string[];
  /** Markdown. */
  readonly terms: string;
  readonly dataSource: string;
  readonly dataLicence: string;
}

/** `a, b,  c` → its tags in lower case, each once, in the order of typing. */
export const tagsOf = (text: string): string[] => [
  ...new Set(
    text
      .slice(0, 2_000)
      .toLowerCase()
      .split(',')
      .map((tag) => tag.trim().replace(/\s+/g, '-'))
      .filter(Boolean),
  ),
];

/** Faults of a listing's texts by field. */
export function productFaults(fields: ProductFields): Record<string, string> {
  const faults: Record<string, string> = {};
  const bound = (name: keyof ProductFields & string, max: number) => {
    if (String(fields[name]).length > max) faults[name] = `At most ${max.toLocaleString('en')} characters fit.`;
  };
  if (fields.name.trim() === '') faults['name'] = 'This is needed.';
  bound('name', PRODUCT_LIMITS.nameMax);
  bound('tagline', PRODUCT_LIMITS.taglineMax);
  bound('description', PRODUCT_LIMITS.descriptionMax);
  bound('terms', PRODUCT_LIMITS.termsMax);
  bound('dataSource', PRODUCT_LIMITS.sourceMax);
  bound('dataLicence', PRODUCT_LIMITS.sourceMax);
  if (fields.category !== '' && !isCategory(fields.category)) faults['category'] = 'Choose one of the categories.';
  if (fields.tags.length > PRODUCT_LIMITS.tagsMax) faults['tags'] = `At most ${PRODUCT_LIMITS.tagsMax} tags.`;
  const odd = fields.tags.find((tag) => tag.length > PRODUCT_LIMITS.tagMax || !/^[\p{L}\p{N}][\p{L}\p{N}.+#-]*$/u.test(tag));
  if (odd !== undefined) faults['tags'] = `${odd.slice(0, 40)}: a tag has letters, digits and hyphens, at most ${PRODUCT_LIMITS.tagMax}.`;
  return faults;
}

/** What a product needs before an operator looks at it. */
export interface ReadinessFacts {
  readonly seller: boolean;
  readonly fields: ProductFields;
  readonly apis: number;
  /** Of those, how many are live now with a security that knows the app. */
  readonly liveApis: number;
  readonly openPlans: number;
}

export interface ReadinessItem {
  readonly id: 'seller' | 'texts' | 'apis' | 'plans';
  readonly title: string;
  readonly done: boolean;
  /** What is missing, in words; empty when done. */
  readonly missing: string;
}

/** The list a provider works off, in order. */
export function readiness({ seller, fields, apis, liveApis, openPlans }: ReadinessFacts): ReadinessItem[] {
  const texts = [
    fields.tagline.trim() === '' && 'a tagline',
    fields.description.trim() === '' && 'a description',
    fields.category === '' && 'a category',
    Object.keys(productFaults(fields)).length > 0 && 'corrections in its fields',
  ].filter((text): text is string => text !== false);
  const apisMissing =
    apis === 0
      ? 'Choose at least one API.'
      : liveApis < apis
        ? `${apis - liveApis} of ${apis} APIs are not live with security APP: publish them, or take them out.`
        : '';
  return [
    { id: 'seller', title: 'Seller profile', done: seller, missing: seller ? '' : 'Tell buyers who you are.' },
    { id: 'texts', title: 'Listing', done: texts.length === 0, missing: texts.length === 0 ? '' : `The listing needs ${texts.join(', ')}.` },
    { id: 'apis', title: 'APIs', done: apisMissing === '', missing: apisMissing },
    { id: 'plans', title: 'Plans', done: openPlans > 0, missing: openPlans > 0 ? '' : 'Add at least one plan.' },
  ];
}

/** In these the provider may still change which APIs are sold, whoever has subscribed. */
export const isUnsold = (status: ProductStatus): boolean => status === 'draft' || status === 'rejected' || status === 'submitted';
