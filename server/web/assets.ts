import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import express, { Router } from 'express';
import { projectRoot } from './project-root.ts';

/** One hash over all of public/: modules import each other by relative path, so they must change address together. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).sort((a, b) => (join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1))) {
    if (entry.isFile()) hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)));
  }
  return hash.digest('hex').slice(0, 12);
}

let known: { folder: string; version: string } | undefined;
function assets(): { folder: string; version: string } {
  const folder = join(projectRoot(), 'public');
  return (known ??= { folder, version: fingerprint(folder) });
}

/** `/assets/<hash>/css/tollgate.css`: the address of a file in public/, new whenever any of them changes. */
export const assetPath = (file: string): string => `/assets/${assets().version}/${file}`;

/** Serves public/ below `/assets/<hash>/`; the right hash may be kept for ever, another one (an older page) not at all. */
export function assetRoutes(): Router {
  const { folder, version } = assets();
  const router = Router();
  const files = (immutable: boolean) =>
    express.static(folder, { index: false, redirect: false, dotfiles: 'ignore', immutable, maxAge: immutable ? '365d' : 0, fallthrough: true });
  router.use(`/assets/${version}`, files(true));
  router.use('/assets/:version', files(false));
  return router;
}
