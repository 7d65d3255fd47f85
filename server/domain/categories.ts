export interface Category {
  readonly id: string;
  readonly name: string;
}

/** Where a product stands in the storefront. One line, one entry, sorted by id. */
export const CATEGORIES: readonly Category[] = [
  { id: 'ai', name: 'AI and language' },
  { id: 'business', name: 'Business and companies' },
  { id: 'communication', name: 'Communication' },
  { id: 'data', name: 'Open data and reference' },
  { id: 'developer', name: 'Developer tools' },
  { id: 'finance', name: 'Finance and currencies' },
  { id: 'geo', name: 'Places and maps' },
  { id: 'health', name: 'Health and sport' },
  { id: 'media', name: 'Media and images' },
  { id: 'other', name: 'Other' },
  { id: 'science', name: 'Science and education' },
  { id: 'security', name: 'Security and identity' },
  { id: 'travel', name: 'Travel and transport' },
  { id: 'weather', name: 'Weather and environment' },
];

export const isCategory = (id: string): boolean => CATEGORIES.some((category) => category.id === id);
/** The name a page shows; an id that is no longer in the list is shown as it is. */
export const categoryName = (id: string): string => CATEGORIES.find((category) => category.id === id)?.name ?? id;
