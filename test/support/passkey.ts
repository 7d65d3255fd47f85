import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';
import type { Visitor } from './browserless.ts';
import { PASSWORD } from './portal.ts';

/** The portal's address in tests, as it is configured: what a browser would write into its answer. */
export const SITE = { origin: 'http://localhost:3000', id: 'localhost' } as const;

const FLAGS = { present: 0x01, verified: 0x04, synced: 0x08 | 0x10, attested: 0x40 } as const;

export interface Bending {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly counter?: number;
  readonly verified?: boolean;
  readonly userHandle?: string;
  /** Who signs, in place of the passkey's own key. */
  readonly key?: KeyObject;
  /** Of an attestation. */
  readonly format?: string;
}

/** An authenticator in software: makes a P-256 key and answers as a browser would; each answer can be bent. */
export class SoftPasskey {
  readonly id = randomBytes(32);
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #userHandle = '';
  counter = 0;
  readonly synced: boolean;

  constructor({ synced = false }: { synced?: boolean } = {}) {
    this.synced = synced;
  }

  get privateKey(): KeyObject {
    return this.#keys.privateKey;
  }

  #publicKey(): Uint8Array {
    const { x = '', y = '' } = this.#keys.publicKey.export({ format: 'jwk' });
    const cose = new Map<number, number | Uint8Array>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(x, 'base64url'))],
      [-3, new Uint8Array(Buffer.from(y, 'base64url'))],
    ]);
    return isoCBOR.encode(cose as never);
  }

  #data({ rpId = SITE.id, verified = true, counter = this.counter }: Bending, attested?: Buffer): Buffer {
    const flags = FLAGS.present | (verified ? FLAGS.verified : 0) | (this.synced ? FLAGS.synced : 0) | (attested ? FLAGS.attested : 0);
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    return Buffer.concat([createHash('sha256').update(rpId).digest(), Buffer.from([flags]), count, attested ?? Buffer.alloc(0)]);
  }

  #client(type: string, challenge: string, bent: Bending): Buffer {
    return Buffer.from(
      JSON.stringify({ type: bent.type ?? type, challenge: bent.challenge ?? challenge, origin: bent.origin ?? SITE.origin, crossOrigin: false }),
    );
  }

  #answer(response: object): string {
    const id = this.id.toString('base64url');
    return JSON.stringify({ id, rawId: id, type: 'public-key', response, clientExtensionResults: {} });
  }

  /** @param options  as the page carries them */
  create(options: { readonly challenge: string; readonly user: { readonly id: string } }, bent: Bending = {}): string {
    this.#userHandle = options.user.id;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.id.length);
    const authData = this.#data(bent, Buffer.concat([Buffer.alloc(16), length, this.id, this.#publicKey()]));
    const attestation = new Map<string, unknown>([
      ['fmt', bent.format ?? 'none'],
      ['attStmt', bent.format === undefined ? new Map() : new Map([['x5c', [new Uint8Array(8)]]])],
      ['authData', new Uint8Array(authData)],
    ]);
    return this.#answer({
      clientDataJSON: this.#client('webauthn.create', options.challenge, bent).toString('base64url'),
      attestationObject: Buffer.from(isoCBOR.encode(attestation as never)).toString('base64url'),
      transports: ['internal'],
    });
  }

  get(options: { readonly challenge: string }, bent: Bending = {}): string {
    const [client, data] = [this.#client('webauthn.get', options.challenge, bent), this.#data(bent)];
    const signature = sign('sha256', Buffer.concat([data, createHash('sha256').update(client).digest()]), bent.key ?? this.privateKey);
    return this.#answer({
      clientDataJSON: client.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: signature.toString('base64url'),
      userHandle: bent.userHandle ?? this.#userHandle,
    });
  }
}

/** The options that the page hands to the browser. */
export function optionsOf(text: string): { challenge: string; user: { id: string }; excludeCredentials: { id: string }[] } {
  const found = /data-options="([^"]*)"/.exec(text)?.[1];
  if (found === undefined) throw new Error('the page has no options');
  return JSON.parse(found.replaceAll('&quot;', '"').replaceAll('&#x3D;', '=').replaceAll('&#x27;', "'").replaceAll('&amp;', '&')) as ReturnType<
    typeof optionsOf
  >;
}

export async function beginAdding(person: Visitor, name: string, more: Record<string, string> = {}) {
  return optionsOf((await person.post('/account/passkeys/challenge', { name, password: PASSWORD, ...more })).text);
}

/** Add a passkey, as a person with a device would. */
export async function addPasskey(person: Visitor, name: string, passkey = new SoftPasskey()): Promise<SoftPasskey> {
  const answer = await person.post('/account/passkeys', { response: passkey.create(await beginAdding(person, name)) });
  if (answer.location !== '/account/passkeys') throw new Error(`adding a passkey answered ${answer.status}`);
  return passkey;
}

export async function challengeFor(person: Visitor): Promise<{ challenge: string }> {
  return JSON.parse((await person.post('/sign-in/passkey/challenge', { use: 'sign-in' })).text) as { challenge: string };
}

/** Sign in with it. @returns where that leads */
export async function signInWith(person: Visitor, passkey: SoftPasskey, next = '/apps', bent: Bending = {}): Promise<string | null> {
  return (await person.post('/sign-in/passkey', { response: passkey.get(await challengeFor(person), bent), next })).location;
}
