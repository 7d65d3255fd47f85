import type { Request } from 'express';
import type { Flash } from './render.ts';

/** Leave a message for the page that the redirect leads to. */
export function flash(req: Request, kind: Flash['kind'], text: string): void {
  (req.session.flash ??= []).push({ kind, text });
}
