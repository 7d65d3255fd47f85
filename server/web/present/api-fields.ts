import { LIMITS, METHODS } from '../../domain/api-definition.ts';
import type { FieldSpec } from './form.ts';

const options = (values: readonly string[], words: Readonly<Record<string, string>> = {}) => values.map((value) => ({ value, label: words[value] ?? value }));
export const PLACES = ['query', 'path', 'header'] as const;
export const TYPES = ['string', 'integer', 'number', 'boolean'] as const;

export const API_FIELDS = {
  name: { label: 'Name', required: true, maxlength: LIMITS.nameMax, help: 'Seen by buyers in the list of endpoints.' },
  summary: { label: 'Summary', maxlength: LIMITS.summaryMax },
  description: { label: 'Description', type: 'textarea', rows: 5, maxlength: LIMITS.descriptionMax, help: 'Markdown.' },
  tags: { label: 'Tags', maxlength: 400, help: 'Separated by commas. Endpoints are grouped by the first one.' },
  method: { label: 'Method', type: 'select', options: options([...METHODS, 'ANY'], { ANY: 'Any method' }) },
  path: {
    label: 'Path',
    required: true,
    maxlength: LIMITS.pathMax,
    placeholder: '/countries/{code}',
    help: 'Begins with /. {name} stands for one segment, a last {name+} for all that follow.',
  },
  match: {
    label: 'Match',
    type: 'radio',
    required: true,
    options: [
      { value: 'exact', label: 'Exactly this path' },
      { value: 'prefix', label: 'This path and everything below', help: 'What follows is appended to the backend’s path.' },
    ],
  },
  security: {
    label: 'Who may call',
    type: 'radio',
    required: true,
    options: [
      { value: 'APP', label: 'Apps with a credential (APP)', help: 'Needed for everything that is sold.' },
      { value: 'NONE', label: 'Everybody (NONE)', help: 'Logged and throttled, never billed.' },
    ],
  },
  appCode: { label: 'AppCodes are accepted beside signatures', type: 'checkbox', help: 'A code in one header: the easiest way to call.' },
  kind: {
    label: 'Backend',
    type: 'radio',
    required: true,
    options: [
      { value: 'http', label: 'A server over HTTP' },
      { value: 'mock', label: 'A fixed answer (mock)', help: 'Never billed.' },
    ],
  },
  origin: {
    label: 'Address of the server',
    maxlength: 512,
    placeholder: 'https://api.example.com',
    help: 'Scheme, host and port. Only public addresses are called.',
  },
  backendPath: { label: 'Path there', maxlength: LIMITS.pathMax, help: 'Empty: the same path. It may use the {name}s of the path.' },
  backendMethod: { label: 'Method there', type: 'select', options: options(['SAME', ...METHODS], { SAME: 'The caller’s method' }) },
  timeoutMs: { label: 'Timeout', type: 'number', min: 1, max: LIMITS.timeoutMaxMs, suffix: 'ms' },
  retries: { label: 'Further tries', type: 'select', options: options(['0', '1', '2', '3']), help: 'Of idempotent methods, when no connection came about.' },
  mockStatus: { label: 'Status', type: 'number', min: 200, max: 599 },
  mockBody: { label: 'Body', type: 'textarea', rows: 4, maxlength: LIMITS.mockBodyMax },
  cors: { label: 'Web pages of other sites may call (CORS)', type: 'checkbox' },
  streaming: {
    label: 'Answers are long or endless streams',
    type: 'checkbox',
    help: 'Recorded by the minute; a call that breaks off counts as far as it came.',
  },
  upgrade: { label: 'WebSocket and other upgrades are admitted', type: 'checkbox' },
} satisfies Record<string, FieldSpec>;

/** One row of a parameter. */
export const PARAMETER_FIELDS: Record<string, FieldSpec> = {
  name: { label: 'Name', maxlength: 64 },
  in: { label: 'Place', type: 'select', options: options(PLACES) },
  type: { label: 'Type', type: 'select', options: options(TYPES) },
  required: { label: 'Required', type: 'checkbox' },
  enum: { label: 'Allowed values', maxlength: 4_000, help: 'Separated by commas; empty: all.' },
  default: { label: 'Default', maxlength: LIMITS.valueMax },
  minimum: { label: 'Least', inputmode: 'decimal', maxlength: 20 },
  maximum: { label: 'Greatest', inputmode: 'decimal', maxlength: 20 },
  minLength: { label: 'Shortest', inputmode: 'numeric', maxlength: 9 },
  maxLength: { label: 'Longest', inputmode: 'numeric', maxlength: 9 },
  description: { label: 'Description', maxlength: LIMITS.valueMax },
  example: { label: 'Example', maxlength: LIMITS.valueMax },
};
/** One row of a value hidden from callers. */
export const HIDDEN_FIELDS: Record<string, FieldSpec> = {
  name: { label: 'Name', maxlength: 64 },
  in: { label: 'Place', type: 'select', options: options(['header', 'query']) },
  value: { label: 'Value', maxlength: LIMITS.valueMax, autocomplete: 'off' },
  secret: { label: 'Secret', type: 'checkbox', help: 'Not shown again on this page either; kept until a new value is typed.' },
};
/** In place of the value of a secret that is stored. */
export const KEPT_VALUE: FieldSpec = {
  label: 'New value',
  maxlength: LIMITS.valueMax,
  autocomplete: 'off',
  placeholder: '••••••••',
  help: 'Kept unless you type a new one.',
};
