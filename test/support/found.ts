import type { Store } from '../../server/store/index.ts';

/** Documents as they are stored, by whatever a test wants to know: questions that the product itself never asks. */
export const found = <T>({ connection }: Pick<Store, 'connection'>, model: string, filter: Readonly<Record<string, unknown>>): Promise<T[]> =>
  connection.model(model).find(filter).lean<T[]>();
