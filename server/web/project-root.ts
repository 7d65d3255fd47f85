import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The folder that holds package.json: views/ and public/ stand beside it, whether this file runs from server/ or dist/server/.
 * @throws Error when no folder above holds one: the program was installed without its pages
 */
export function projectRoot(from: string = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'views'))) return folder;
    if (dirname(folder) === folder) throw new Error(`no package.json with views/ beside it above ${from}`);
  }
}
