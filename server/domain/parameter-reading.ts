import { readLogFields } from './custom-log.ts';
import { PARAMETERS, type ParameterName, type ParameterValue } from './gateway-parameters.ts';
import { headerName } from './headers.ts';

/** Typed for a key: make another one. */
export const NEW_KEY = 'new';
const TOKEN_PATH = /^(?:\/[A-Za-z0-9._~-]+){1,8}$/;
const WHOLE = /^-?(?:0|[1-9][0-9]{0,9})$/;
const HEADER_NAME = /^X-[A-Za-z0-9-]{1,62}$/i;

/** Read what was typed for a parameter. The fault is a sentence for beside the field. */
export function readParameter(name: ParameterName, typed: string): { readonly value: ParameterValue } | { readonly fault: string } {
  const { value: form } = PARAMETERS[name];
  const text = typed.trim();
  switch (form.kind) {
    case 'whole':
    case 'index': {
      if (form.kind === 'index' && text === '') return { value: null };
      if (text === '') return { fault: 'This is needed.' };
      const value = Number(text);
      return WHOLE.test(text) && value >= form.min && value <= form.max ? { value } : { fault: `A whole number from ${form.min} to ${form.max}.` };
    }
    case 'switch':
      return text === 'on' || text === 'off' ? { value: text === 'on' } : { fault: 'Choose on or off.' };
    case 'choice':
      return form.choices.includes(text) ? { value: text as ParameterValue } : { fault: 'Choose one of the offered values.' };
    case 'certificate':
      return text === '' ? { value: null } : { fault: 'Paste the certificate and its key into their own form.' };
    case 'header':
      return readHeaderName(text);
    case 'key':
      return text === '' || text === NEW_KEY ? { value: text } : { fault: 'A key is made here: it cannot be typed.' };
    case 'path':
      return TOKEN_PATH.test(text) && text.length <= 128 && !/\/\.{1,2}(?:\/|$)/.test(text)
        ? { value: text }
        : { fault: 'A path such as /oauth/token: one to eight segments of letters, digits and -._~.' };
    case 'log-fields':
      return readLogFields(typed);
  }
}

/** A header that passes to backends today, or that only ever holds a credential: no name that framing or routing reads. */
function readHeaderName(text: string): { readonly value: string } | { readonly fault: string } {
  if (text === '') return { value: '' };
  if (!HEADER_NAME.test(text)) return { fault: 'A header’s name that begins with X-: letters, digits and hyphens, at most 64 characters.' };
  const { lower, request } = headerName(text);
  return request === 'pass' || lower === 'x-auth-token' ? { value: text } : { fault: 'The gateway reads this header for something else.' };
}
