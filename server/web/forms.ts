import { z } from 'zod';
import { AppError } from '../kernel/errors.ts';

/**
 * Parse a submitted form. Unknown fields are refused (mass assignment), a single-line text is trimmed.
 *
 * @throws AppError `invalid-form` with one sentence per field; the page comes back with its fields marked
 */
export function parseForm<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const fields: Record<string, string> = {};
  for (const issue of parsed.error.issues) {
    const names = issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.map(String).join('.')];
    for (const name of names) fields[name] ??= issue.code === 'unrecognized_keys' ? 'This form has no such field.' : sentence(issue);
  }
  throw new AppError('invalid-form', undefined, { fields });
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'This is needed.';
  if (issue.code === 'too_small' && issue.origin === 'string')
    return issue.minimum === 1 ? 'This is needed.' : `At least ${issue.minimum} characters are needed.`;
  if (issue.code === 'too_big' && issue.origin === 'string') return `At most ${issue.maximum} characters fit.`;
  if (issue.code === 'too_small') return `At least ${issue.minimum}.`;
  if (issue.code === 'too_big') return `At most ${issue.maximum}.`;
  if (issue.code === 'invalid_value') return 'Choose one of the offered values.';
  if (issue.code === 'invalid_format' && issue.format === 'email') return 'This is not an e-mail address: it should look like name@example.com.';
  if (issue.code === 'invalid_format' && issue.format === 'url') return 'This is not a web address: it should look like https://example.com.';
  return issue.message.endsWith('.') ? issue.message : `${issue.message}.`;
}

/** Pieces that many forms share. */
export const field = {
  email: z.string().trim().max(254).pipe(z.email()),
  /** NIST's length rule: long enough, no composition games, room for a passphrase. */
  password: z.string().min(10).max(200),
  name: z.string().trim().min(1).max(80),
  line: (max: number) => z.string().trim().max(max).default(''),
  text: (max: number) => z.string().max(max).default(''),
  checkbox: z
    .literal(['true', 'on', '1'])
    .optional()
    .transform((value) => value !== undefined),
  requestId: z.uuid(),
};
