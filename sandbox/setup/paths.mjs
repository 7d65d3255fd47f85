import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Tools and scratch files of this clone. Data lives under DATA_DIR, which by default is the same folder. */
export const LOCAL = join(ROOT, '.local');
export const VENV = join(LOCAL, 'venv');

export const dataDirOf = (env) => resolve(ROOT, env.DATA_DIR || '.local');
