import { loggedValues, type LogField } from '../domain/custom-log.ts';
import type { CallNotes } from '../domain/metering.ts';
import type { Call } from './call.ts';
import { headerAll } from './fields.ts';

/** What is noted beside the figures of a call: fields that a parameter of its gateway names, and what kept its backend away. Null: nothing. */
export function notesOf(call: Call, fields: readonly LogField[] | null): CallNotes | null {
  const values = fields === null ? null : loggedValues(fields, (field) => valueOf(call, field));
  if (call.cause === '') return values && { fields: values };
  return { ...(values && { fields: values }), cause: call.cause };
}

function valueOf(call: Call, field: LogField): string | null {
  switch (field.in) {
    case 'header':
      return utf8(headerAll(call, field.name));
    case 'query': {
      const values = call.target.query === '' ? [] : new URLSearchParams(call.target.query).getAll(field.name);
      return values.length === 0 ? null : values.join(', ');
    }
    case 'cookie':
      return cookie(headerAll(call, 'cookie'), field.name);
  }
}

function cookie(header: string, name: string): string | null {
  for (const pair of header.split(/[;,]/)) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return utf8(pair.slice(equals + 1).trim());
  }
  return null;
}

/** Bytes that Node gives as Latin-1, as the text they most likely are. Empty: not sent. */
function utf8(bytes: string): string | null {
  if (bytes === '') return null;
  const text = Buffer.from(bytes, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? bytes : text;
}
