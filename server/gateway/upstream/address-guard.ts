import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isPrivateAddress, parseAddress } from '../../domain/address.ts';

/** Raised when a provider's address leads into our own network: told to nobody, answered as an unavailable provider. */
export class PrivateAddressError extends Error {
  readonly code = 'PRIVATE_ADDRESS';
  constructor(host: string) {
    super(`${host} is a private address`);
    this.name = 'PrivateAddressError';
  }
}

export type Resolve = (host: string, options: LookupOptions, done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;

const resolveAll: Resolve = (host, options, done) => lookup(host, { ...options, all: true }, (error, addresses) => done(error, addresses as LookupAddress[]));

/**
 * Decides at the moment of connecting: the address that was checked is the one that is connected to, so that a name which changes its
 * answer between check and connection gains nothing. `allow` lists `host:port` pairs that may be private.
 */
export interface AddressGuard {
  /** @throws PrivateAddressError for a literal address that is private */
  checkLiteral(host: string, port: string): void;
  /** For `net.connect`; the port decides which look-up. */
  lookupFor(host: string, port: string): LookupFunction;
}

export function makeAddressGuard({ allow, resolve = resolveAll }: { allow: ReadonlySet<string>; resolve?: Resolve }): AddressGuard {
  const lookupWith =
    (checked: boolean): LookupFunction =>
    (host, options, done) => {
      resolve(host, options, (error, addresses) => {
        if (error) return done(error, '', 0);
        const usable = checked ? addresses.filter(({ address }) => !isPrivateAddress(address)) : addresses;
        const first = usable[0];
        if (!first) return done(new PrivateAddressError(host), '', 0);
        if (options.all) return (done as unknown as (error: null, addresses: LookupAddress[]) => void)(null, usable);
        done(null, first.address, first.family);
      });
    };
  const guarded = lookupWith(true);
  const free = lookupWith(false);
  const isAllowed = (host: string, port: string) => allow.has(`${host}:${port}`);

  return {
    checkLiteral(host, port) {
      const bare = host.replace(/^\[|\]$/g, '');
      if (parseAddress(bare) !== null && isPrivateAddress(bare) && !isAllowed(bare, port) && !isAllowed(host, port)) throw new PrivateAddressError(host);
    },
    lookupFor: (host, port) => (isAllowed(host, port) ? free : guarded),
  };
}
