import { PARAMETERS, parameterRange, parameterText, parameterWords, type ParameterName } from '../../domain/gateway-parameters.ts';
import { NEW_KEY } from '../../domain/parameter-reading.ts';
import type { ParameterState } from '../../services/catalog/parameters.ts';
import { formModel, type FieldSpec } from './form.ts';

/** What was typed for one parameter and why it was not taken. Private keys are never among what was typed. */
export interface Refused {
  readonly name: string;
  readonly typed: Readonly<Record<string, string>>;
  readonly faults: Readonly<Record<string, string>>;
}

/** From here on the page warns that a certificate ends. */
const EXPIRING_MS = 30 * 86_400_000;

export function parameterModel({ name, value, changed }: ParameterState, now: number) {
  const parameter = PARAMETERS[name];
  const certificate = typeof value === 'object' ? value : null;
  return {
    name,
    value: parameterWords(name, value),
    initial: parameterWords(name, parameter.initial),
    isInitial: parameter.value.kind === 'key' || parameterText(value) === parameterText(parameter.initial),
    range: parameterRange(parameter),
    meaning: parameter.meaning,
    example: parameter.example,
    seen: parameter.seen,
    at: changed?.at ?? null,
    certificate: certificate && { ...certificate, ended: certificate.expiresAt <= now, ending: certificate.expiresAt - now <= EXPIRING_MS },
    button: parameter.value.kind === 'key' ? 'Make a new key' : 'Save',
    /** Its form has fields of its own, and an address of its own. */
    pasted: parameter.value.kind === 'certificate',
  };
}

const PEM_ROWS = 5;
const CERTIFICATE_FIELDS: Readonly<Record<'ca' | 'certificate' | 'key', FieldSpec>> = {
  certificate: {
    label: 'Certificate',
    type: 'textarea',
    rows: PEM_ROWS,
    required: true,
    autocomplete: 'off',
    help: 'PEM. The gateway’s own first, then those between it and its authority.',
  },
  key: {
    label: 'Private key',
    type: 'textarea',
    rows: PEM_ROWS,
    required: true,
    autocomplete: 'off',
    help: 'PEM, without a passphrase. It is encrypted, and never shown again.',
  },
  ca: {
    label: 'Authority of the backends',
    type: 'textarea',
    rows: PEM_ROWS,
    autocomplete: 'off',
    help: 'PEM. Only where your backends’ certificates are signed by an authority of your own; the generally trusted ones stay trusted.',
  },
};

export function parameterForm({ name, value }: ParameterState, refused: Refused | null) {
  const { kind } = PARAMETERS[name].value;
  if (kind === 'certificate') return formModel(CERTIFICATE_FIELDS, { ...refused?.typed, key: '' }, refused?.faults ?? {}, `${name}-`);
  const fault = refused?.faults[name] ?? refused?.faults['value'];
  return formModel(
    { value: fieldOf(name) },
    { value: kind === 'key' ? NEW_KEY : refused ? refused.typed['value'] : parameterText(value) },
    fault === undefined ? {} : { value: fault },
    `${name}-`,
  );
}

function fieldOf(name: ParameterName): FieldSpec {
  const { value: form } = PARAMETERS[name];
  const common = { label: `Value of ${name}`, help: parameterRange(PARAMETERS[name]) };
  switch (form.kind) {
    case 'whole':
      return { ...common, type: 'number', required: true, min: form.min, max: form.max, ...(form.unit !== '' && { suffix: form.unit }) };
    case 'index':
      return { ...common, type: 'number', min: form.min, max: form.max };
    case 'switch':
      return { ...common, type: 'select', required: true, options: ['on', 'off'].map((value) => ({ value, label: value })) };
    case 'choice':
      return { ...common, type: 'select', required: true, options: form.choices.map((value) => ({ value, label: value })) };
    case 'header':
      return { ...common, maxlength: 64, placeholder: 'X-…' };
    case 'log-fields':
      return { ...common, maxlength: 1_000, placeholder: 'header:user-agent, query:page' };
    case 'key':
      return { ...common, type: 'hidden' };
    case 'path':
      return { ...common, required: true, maxlength: 128, placeholder: '/oauth/token' };
    case 'certificate':
      throw new RangeError('a certificate has fields of its own');
  }
}
