import type { Request, RequestHandler, Response } from 'express';
import multer from 'multer';
import { AppError } from '../../kernel/errors.ts';
import { flash } from '../flash.ts';
import type { Flash } from '../render.ts';

/** A part of the address; the services decide whether it leads anywhere. */
export const part = (req: Request, name: string): string => String(req.params[name]);

export const body = (req: Request): Record<string, unknown> => (req.body ?? {}) as Record<string, unknown>;

/** The revision a form was made from. @throws conflict when it names none: then nobody can say what the sender saw */
export function revisionOf(req: Request): number {
  const text = body(req)['rev'];
  if (typeof text !== 'string' || !/^[0-9]{1,15}$/.test(text)) throw new AppError('conflict');
  return Number(text);
}

/**
 * A form that was refused, told right: where somebody else saved after it was made, what stands now in words, and the revision to save over it with. Whoever
 * sends it again has seen what is replaced; after every other refusal the revision stays the one the form was made from.
 * @param rev  as it is stored now
 * @param now  what is stored now, in words: “named “Robot”, …”
 */
export function afterRefusal(
  req: Request,
  { status, faults, what, rev, now }: { status: number; faults: Record<string, string>; what: string; rev: number; now: string },
): { readonly faults: Record<string, string>; readonly rev: string } {
  const given = body(req)['rev'];
  const stale = status === 409 && given !== String(rev);
  if (!stale) return { faults, rev: typeof given === 'string' ? given : String(rev) };
  const said = `Somebody else changed ${what} after you opened this page. Now: ${now}. What you typed is still here, unsaved: save again to replace theirs.`;
  return { faults: { '': said }, rev: String(rev) };
}

/** A list in a sentence. */
export const listed = (names: readonly string[]): string => names.join(', ') || 'nothing';

/** A field that may stand once, several times or not at all: checkboxes. */
export function many(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string' && one !== '');
}

/**
 * Run what a form asks for. When it is refused, `again` shows the page once more with what was typed, the faults by field, and the status.
 * A refusal of no single field stands in the summary.
 */
export async function orAgain(run: () => Promise<void>, again: (faults: Record<string, string>, status: number) => Promise<void> | void): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'invalid-form') return again({ ...error.fields }, error.status);
    if (error.code === 'conflict' || error.code === 'too-many-attempts') return again({ '': error.detail }, error.status);
    throw error;
  }
}

/**
 * A small form with one button: it leads back to a page, which says how it went.
 * @param back  that page; `done`: it took effect, so that what it took away has no page any more
 */
export const press =
  (back: (req: Request, done: boolean) => string, run: (req: Request) => Promise<string | Flash | undefined>): RequestHandler =>
  async (req: Request, res: Response) => {
    let done = false;
    try {
      const said = await run(req);
      done = true;
      if (typeof said === 'object') flash(req, said.kind, said.text);
      else if (said !== undefined) flash(req, 'success', said);
    } catch (error) {
      if (!(error instanceof AppError) || (error.code !== 'conflict' && error.code !== 'invalid-form' && error.code !== 'too-many-attempts')) throw error;
      flash(req, 'error', error.code === 'invalid-form' ? Object.values(error.fields).join(' ') || error.detail : error.detail);
    }
    res.redirect(303, back(req, done));
  };

/** One file and a few fields, in memory, bounded: a form with an upload. Its values are texts, as those of every form. */
export function upload(name: string, { bytesMax, fieldBytesMax }: { bytesMax: number; fieldBytesMax: number }): RequestHandler {
  const read = multer({
    storage: multer.memoryStorage(),
    limits: { fileSize: bytesMax, files: 1, fieldSize: fieldBytesMax, fields: 20, parts: 22, fieldNameSize: 100, headerPairs: 50 },
  }).single(name);
  return (req, res, next) =>
    read(req, res, (error: unknown) => {
      // The reader makes objects of names like `a[b]`; no form of ours has such a name.
      const strange =
        Object.keys(body(req)).some((key) => /[[\]]/.test(key)) || Object.values(body(req)).some((value) => typeof value === 'object' && !isTexts(value));
      next(error ?? (strange ? new AppError('invalid-request', 'A field of this form is malformed.') : undefined));
    });
}

const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string');

/** The uploaded bytes; empty when no file was chosen. */
export const uploaded = (req: Request): Buffer => req.file?.buffer ?? Buffer.alloc(0);
