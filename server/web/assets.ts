import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import express, { Router } from 'express';
import { projectRoot } from './project-root.ts';

/** One hash over all of public/: modules import each other by relative path, so they must change address together. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map((file) => join(file.parentPath, file.name)).sort()) hash.update(path.slice(folder.length)).update(readFileSync(path));
  return hash.digest('hex').slice(0, 12);
}

let known: { folder: string; version: string } | undefined;
function assets(): { folder: string; version: string } {
  const folder = join(projectRoot(), 'public');
  return (known ??= { folder, version: fingerprint(folder) });
}

/** `/assets/<hash>/css/tollgate.css`: the address of a file in public/, new whenever any of them changes. */
export const assetPath = (file: string): string => `/assets/${assets().version}/${file}`;

/**
 * Serves public/ below `/assets/<hash>/`; the right hash may be kept for ever, another one (of an older page) must be asked for again.
 * Mounted before sessions: a page's dozen files need neither a session nor a user.
 */
export function assetRoutes(): Router {
  const { folder, version } = assets();
  const router = Router();
  const files = (cacheControl: string) =>
    express.static(folder, {
      index: false,
      redirect: false,
      setHeaders: (res: { setHeader(name: string, value: string): unknown }) => res.setHeader('Cache-Control', cacheControl),
    });
  router.use(`/assets/${version}`, files('public, max-age=31536000, immutable'));
  router.use('/assets/:version', files('no-cache'));
  return router;
}
