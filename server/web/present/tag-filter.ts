import { TAGS_MAX, type Tag } from '../../domain/gateway-rules.ts';
import { address } from './pagination.ts';

/** A key and its value, as an address holds them; longer ones are none. */
const TEXT_MAX = 400;
const textOf = ({ key, value }: Tag): string => `${key}=${value}`;

interface Tagged {
  readonly _id: string;
  readonly tags: readonly Tag[];
}

/**
 * The filter by tags of gateways, kept in the address as `tag=key=value`, once for each: a gateway is meant if it carries all of them.
 *
 * @param held  the gateways that the actor sees; what others carry is neither offered nor told
 */
export function tagFilter(path: string, query: Readonly<Record<string, unknown>>, held: readonly { readonly gateway: Tagged }[]) {
  const gateways = held.map(({ gateway }) => gateway);
  const { tag, page: _, ...rest } = query;
  const given = [tag].flat().filter((one): one is string => typeof one === 'string' && one !== '' && one.length <= TEXT_MAX);
  const asked = [...new Set(given)].slice(0, TAGS_MAX);
  const meant = gateways.filter(({ tags }) => asked.every((one) => tags.some((known) => textOf(known) === one)));
  const known = new Set(gateways.flatMap(({ tags }) => tags.map(textOf)));
  return {
    meant: new Set(meant.map(({ _id }) => _id)),
    active: asked.length > 0,
    model: {
      path,
      all: address(path, rest),
      chips: asked.map((text) => ({ text, href: address(path, { ...rest, tag: asked.filter((one) => one !== text) }) })),
      kept: [
        ...asked.map((value) => ({ name: 'tag', value })),
        ...Object.entries(rest).flatMap(([name, value]) => (typeof value === 'string' && value !== '' ? [{ name, value }] : [])),
      ],
      options: [...known].filter((text) => !asked.includes(text)).sort(),
      // In words: what is asked for and carried by no gateway.
      unknown: asked.filter((text) => !known.has(text)).join(', '),
      nothing: asked.length > 0 && meant.length === 0,
    },
  };
}
