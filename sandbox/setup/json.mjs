import { readFileSync } from 'node:fs';

/** What a file holds; undefined when it is missing or was not written to its end. */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}
