import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { Actor } from '../domain/actor.ts';
import { operationOf } from '../domain/api-definition.ts';
import { APIS_PER_GROUP_MAX, apisLimit, fullWords } from '../domain/gateway-rules.ts';
import { readOrigin } from '../domain/upstream-origin.ts';
import { AppError } from '../kernel/errors.ts';
import type { ApiDoc } from '../store/apis.ts';
import { touchCatalogue } from './catalog/directory.ts';
import { faulty, ownGateway, ownGroup, stillOpen, type CatalogDependencies } from './catalog/own.ts';
import { planImport, type ImportLine, type ImportSettings } from './openapi/plan.ts';
import type { DocumentReader } from './openapi/read.ts';
import type { DocumentReading } from './openapi/reading.ts';

export type { ImportLine, ImportSettings } from './openapi/plan.ts';

/** Uploads that are kept for each group; older ones go. */
const UPLOADS_KEPT = 5;
const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;
const ORDINAL_TRIES = 5;

export interface ImportPreview {
  readonly ordinal: number;
  readonly importedAt: number;
  readonly reading: Omit<DocumentReading, 'operations'>;
  readonly settings: ImportSettings;
  /** What applying would do now, operation by operation. */
  readonly lines: readonly ImportLine[];
}

export interface ImportResult {
  readonly created: readonly string[];
  readonly updated: number;
  readonly removed: number;
  /** Lines that were not carried out, because somebody changed the API meanwhile. */
  readonly missed: number;
  /** Operations that were to be added and found the gateway full, since others were added meanwhile. */
  readonly unfit: readonly string[];
}

export interface Importing {
  /**
   * Read a document and keep it; nothing of the group changes yet.
   * @returns the ordinal under which the preview stands
   * @throws invalid-form with what is wrong with the document beside `document`, or beside `origin` when no backend can be made of its servers
   */
  upload(actor: Actor, gatewayId: string, groupId: string, bytes: Uint8Array, settings: ImportSettings): Promise<number>;
  preview(actor: Actor, gatewayId: string, groupId: string, ordinal: number): Promise<ImportPreview>;
  /** Do what the preview says. Doing it again finds everything done. */
  apply(actor: Actor, gatewayId: string, groupId: string, ordinal: number): Promise<ImportResult>;
  /** The uploads of the group that are kept, newest first. */
  list(actor: Actor, gatewayId: string, groupId: string): Promise<{ ordinal: number; importedAt: number }[]>;
}

interface Kept {
  readonly reading: DocumentReading;
  readonly settings: ImportSettings;
}

const pack = promisify<Buffer, Buffer>(gzip);
const unpack = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);

export function makeImporting({ store, clock, ids, audit, upstreamAllow, reader }: CatalogDependencies & { readonly reader: DocumentReader }): Importing {
  const { apis, documents } = store;

  /** When no operation could be called, one word beside the address says it better than a thousand refusals. */
  function checkOrigins({ operations }: DocumentReading, { origin }: ImportSettings): void {
    if (origin !== '') {
      const { fault } = readOrigin(origin, upstreamAllow);
      if (fault !== undefined) throw faulty({ origin: fault });
      return;
    }
    const origins = new Set(operations.flatMap(({ definition }) => (definition?.backend.kind === 'http' ? [definition.backend.origin] : [])));
    const faults = [...origins].map((one) => ({ one, fault: one === '' ? '' : readOrigin(one, upstreamAllow).fault }));
    if (origins.size === 0 || faults.some(({ fault }) => fault === undefined)) return;
    const [first] = faults;
    throw faulty({
      origin:
        first?.one === ''
          ? 'The document names no server that can be called. Give the address of the backend.'
          : `The document’s server ${first?.one ?? ''} cannot be called: ${first?.fault ?? ''} Give the address of the backend.`,
    });
  }

  async function keep(gatewayId: string, groupId: string, bytes: Uint8Array, kept: Kept): Promise<number> {
    const [document, reading] = await Promise.all([pack(Buffer.from(bytes)), pack(Buffer.from(JSON.stringify(kept)))]);
    for (let tries = 0; tries < ORDINAL_TRIES; tries++) {
      const present = await documents.ordinals(groupId);
      const ordinal = (present[0]?.ordinal ?? 0) + 1;
      const importedAt = clock.now();
      if (!(await documents.add({ groupId, ordinal, kind: 'document', gzip: document, importedAt }))) continue;
      await documents.add({ groupId, ordinal, kind: 'reading', gzip: reading, importedAt });
      for (const old of present.slice(UPLOADS_KEPT - 1)) await documents.remove(groupId, old.ordinal);
      await touchCatalogue(store, gatewayId);
      return ordinal;
    }
    throw new AppError('conflict', 'Others import into this group at this moment. Try again.');
  }

  async function planned(actor: Actor, gatewayId: string, groupId: string, ordinal: number) {
    const [gateway, group] = await Promise.all([ownGateway(store, actor, gatewayId), ownGroup(store, actor, gatewayId, groupId)]);
    const packed = await documents.read(groupId, ordinal, 'reading');
    if (!packed) throw new AppError('not-found', 'This upload is no longer kept. Upload the document again.');
    const { reading, settings } = JSON.parse((await unpack(packed, { maxOutputLength: UNPACKED_BYTES_MAX })).toString('utf8')) as Kept;
    const [present, used] = await Promise.all([apis.apisOfGroup(gatewayId, groupId), apis.usedSlots(gatewayId)]);
    const { operations, ...rest } = reading;
    const selling = (await store.products.productsOfGateway(group.organizationId, gatewayId)).filter(({ status }) => status !== 'retired');
    const products = new Map(selling.flatMap(({ apiIds, name }) => apiIds.map((id) => [id, name] as const)));
    const [gatewayRoom, gatewayFull] = [apisLimit(gateway) - used, fullWords(gateway, used)];
    const ground = { present, products, allow: upstreamAllow, groupMax: APIS_PER_GROUP_MAX, gatewayRoom, gatewayFull };
    return { gateway, group, reading: rest, settings, present, lines: planImport(operations, settings, ground) };
  }

  return {
    async upload(actor, gatewayId, groupId, bytes, settings) {
      await ownGroup(store, actor, gatewayId, groupId);
      if (bytes.length === 0) throw faulty({ document: 'Choose a file, or paste a document.' });
      const result = await reader.read(bytes);
      if (result.refusal !== undefined) throw faulty({ document: result.refusal });
      checkOrigins(result.reading, settings);
      return keep(gatewayId, groupId, result.kept === undefined ? bytes : Buffer.from(result.kept), { reading: result.reading, settings });
    },

    async preview(actor, gatewayId, groupId, ordinal) {
      const { reading, settings, lines } = await planned(actor, gatewayId, groupId, ordinal);
      const importedAt = (await documents.ordinals(groupId)).find((one) => one.ordinal === ordinal)?.importedAt ?? 0;
      return { ordinal, importedAt, reading, settings, lines };
    },

    async apply(actor, gatewayId, groupId, ordinal) {
      const { gateway, group, lines, present, reading } = await planned(actor, gatewayId, groupId, ordinal);
      const { organizationId } = group;
      const now = clock.now();
      const fresh = lines.flatMap((line): ApiDoc[] =>
        line.action === 'create' && line.definition
          ? [{ _id: ids.next('api'), gatewayId, groupId, organizationId, definition: line.definition, createdAt: now, updatedAt: now, rev: 1 }]
          : [],
      );
      const changes = lines.flatMap(({ action, api, definition }) =>
        action === 'update' && api && definition ? [{ id: api._id, rev: api.rev, definition }] : [],
      );
      const gone = lines.flatMap(({ action, api }) => (action === 'remove' && api ? [api] : []));
      // What goes leaves its places to what comes.
      const removed = await apis.removeDrafts(gone);
      const { added: created, full } = await apis.addApis(fresh, apisLimit(gateway));
      const updated = await apis.updateApis(changes, now);
      const unfit = fresh.filter(({ _id }) => full.has(_id)).map(({ definition }) => operationOf(definition.frontend));
      const missed = fresh.length - created.size - unfit.length + changes.length - updated + gone.length - removed;
      await touchCatalogue(store, gatewayId);
      await stillOpen(store, gatewayId);
      if (created.size + updated + removed > 0) {
        await audit.append(actor, {
          action: 'apig:apis:import',
          resource: `gateway:${gatewayId}/group:${groupId}`,
          before: { apis: present.length },
          after: {
            title: reading.title,
            format: reading.format,
            upload: ordinal,
            created: created.size,
            updated,
            removed,
            refused: lines.filter(({ action }) => action === 'refuse').length + unfit.length,
          },
        });
      }
      return { created: [...created], updated, removed, missed, unfit };
    },

    async list(actor, gatewayId, groupId) {
      await ownGroup(store, actor, gatewayId, groupId);
      return documents.ordinals(groupId);
    },
  };
}
