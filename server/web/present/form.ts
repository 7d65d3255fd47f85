export interface Option {
  readonly value: string;
  readonly label: string;
  readonly help?: string;
}

/** What a field is, written once beside the route that parses it. */
export interface FieldSpec {
  readonly label: string;
  readonly type?: 'text' | 'date' | 'email' | 'password' | 'url' | 'search' | 'number' | 'file' | 'textarea' | 'select' | 'checkbox' | 'radio' | 'hidden';
  readonly help?: string;
  readonly required?: boolean;
  readonly options?: readonly Option[];
  /** Of a text that may be typed: some of what fits, offered while typing. */
  readonly suggestions?: readonly Option[];
  readonly autocomplete?: string;
  readonly inputmode?: 'decimal' | 'numeric' | 'email' | 'url' | 'search' | 'text';
  readonly placeholder?: string;
  readonly maxlength?: number;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number | 'any';
  readonly rows?: number;
  readonly accept?: string;
  /** Text before or after the input, for example a currency or a unit. */
  readonly prefix?: string;
  readonly suffix?: string;
}

/** A field as `partials/field` shows it. */
export interface FieldModel extends Omit<FieldSpec, 'options'> {
  readonly id: string;
  readonly name: string;
  readonly value: string;
  readonly checked: boolean;
  readonly error: string | null;
  readonly options: readonly (Option & { readonly id: string; readonly selected: boolean })[];
}

export type FormModel<K extends string> = Readonly<Record<K, FieldModel>> & {
  /** Faults in the order of the fields, for `partials/error-summary`; those of no field come first and carry no link. */
  readonly faults: readonly { readonly id: string | null; readonly message: string }[];
};

/**
 * The view model of a form.
 *
 * @param specs   fields by name, in the order of the page
 * @param values  what is stored or what was typed; passwords and files are never given back
 * @param errors  faults by field name, as `AppError.fields` carries them
 * @param idPrefix  set where one page holds several forms with fields of the same name
 */
export function formModel<K extends string>(
  specs: Readonly<Record<K, FieldSpec>>,
  values: Readonly<Record<string, unknown>> = {},
  errors: Readonly<Record<string, string>> = {},
  idPrefix = '',
): FormModel<K> {
  const names = Object.keys(specs) as K[];
  const fields = names.map((name): [K, FieldModel] => {
    const spec: FieldSpec = specs[name];
    const id = `${idPrefix}${name}`;
    const given = Object.hasOwn(values, name) ? values[name] : undefined;
    const chosen = (Array.isArray(given) ? given : [given]).map(text);
    const kept = spec.type === 'password' || spec.type === 'file' ? '' : (chosen[0] ?? '');
    return [
      name,
      {
        ...spec,
        id,
        name,
        value: kept,
        checked: given === true || given === 'on' || given === 'true' || given === '1',
        error: Object.hasOwn(errors, name) ? (errors[name] ?? null) : null,
        options: (spec.options ?? []).map((option, index) => ({ ...option, id: `${id}-${index}`, selected: chosen.includes(option.value) })),
      },
    ];
  });
  const known = new Set<string>(names);
  const faults = [
    ...Object.entries(errors)
      .filter(([name]) => !known.has(name))
      .map(([, message]) => ({ id: null, message })),
    ...fields.flatMap(([, field]) =>
      field.error === null ? [] : [{ id: field.options[0] && field.type === 'radio' ? field.options[0].id : field.id, message: field.error }],
    ),
  ];
  return { ...Object.fromEntries(fields), faults } as unknown as FormModel<K>;
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : '';
