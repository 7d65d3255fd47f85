import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import type { Store } from '../../store/index.ts';
import { parseDocument } from '../openapi/parse.ts';
import { examplesOf, type OperationExamples } from './examples.ts';

/** Read between two requests, so only what takes a moment: a larger document has no examples on its pages. */
const JSON_BYTES_MAX = 4 * 1024 * 1024;
const YAML_BYTES_MAX = 256 * 1024;
/** All examples kept in memory, in characters. */
const KEPT_MAX = 24 * 1024 * 1024;

const unpack = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);

export type ExampleReader = (groupId: string, operation: string) => Promise<OperationExamples | undefined>;

/** Examples from the document that a group was last imported from; undefined when there is none, or none of this operation. */
export function makeExampleReader({ documents }: Pick<Store, 'documents'>): ExampleReader {
  const kept = new LRUCache<string, ReadonlyMap<string, OperationExamples>>({
    maxSize: KEPT_MAX,
    sizeCalculation: (examples) => JSON.stringify([...examples]).length + 1,
  });

  async function read(groupId: string, ordinal: number): Promise<ReadonlyMap<string, OperationExamples>> {
    const packed = await documents.read(groupId, ordinal, 'document');
    if (!packed) return new Map();
    // A document beyond the bound stops the unpacking, which is not a fault.
    const bytes = await unpack(packed, { maxOutputLength: JSON_BYTES_MAX }).catch(() => undefined);
    if (!bytes || (bytes.length > YAML_BYTES_MAX && !/^\s*\{/.test(bytes.subarray(0, 100).toString('latin1')))) return new Map();
    const parsed = parseDocument(bytes);
    return parsed.refusal === undefined ? examplesOf(parsed.document) : new Map();
  }

  return async (groupId, operation) => {
    const [newest] = await documents.ordinals(groupId);
    if (!newest) return undefined;
    const key = `${groupId}.${newest.ordinal}`;
    let examples = kept.get(key);
    if (!examples) kept.set(key, (examples = await read(groupId, newest.ordinal)));
    return examples.get(operation);
  };
}
