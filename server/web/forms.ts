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

/** Line breaks and direction marks would forge lines of mails and lists, and names that read differently than they are. */
const ONE_LINE = /^[^\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]*$/u;
const oneLine = (max: number, min = 0) => z.string().trim().min(min).max(max).regex(ONE_LINE, 'Leave out line breaks and invisible characters');

/** Pieces that many forms share. */
export const field = {
  email: z.string().trim().max(254).pipe(z.email()),
  /** NIST's length rule: long enough, no composition games, room for a passphrase. */
  password: z.string().min(10).max(200),
  name: oneLine(80, 1),
  title: (max: number) => oneLine(max, 1),
  line: (max: number) => oneLine(max).default(''),
  text: (max: number) => z.string().max(max).default(''),
  checkbox: z
    .literal(['true', 'on', '1'])
    .optional()
    .transform((value) => value !== undefined),
  requestId: z.uuid(),
};
