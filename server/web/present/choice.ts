import type { FieldSpec } from './form.ts';

/** More are typed: a list of hundreds helps nobody, and a page must not grow with what there is. */
export const CHOICES_MAX = 50;

/** One of the things that a field chooses from. */
export interface Choice {
  readonly id: string;
  /** In a list. */
  readonly label: string;
  /** What it is typed as, where there are too many for a list; its id will do as well. */
  readonly typed: string;
}

/** A field for one of many: a list while they are few, beyond it a text with the first of them suggested. */
export function choiceSpec(spec: FieldSpec, choices: readonly Choice[], typedHelp: string): FieldSpec {
  if (choices.length <= CHOICES_MAX) return { ...spec, type: 'select', options: choices.map(({ id, label }) => ({ value: id, label })) };
  return {
    ...spec,
    type: 'text',
    autocomplete: 'off',
    maxlength: 254,
    ...(typedHelp !== '' && { help: typedHelp }),
    suggestions: choices
      .filter(({ typed }) => typed !== '')
      .slice(0, CHOICES_MAX)
      .map(({ label, typed }) => ({ value: typed, label })),
  };
}

/** The field's value for a thing that is chosen already. */
export const choiceValue = (choices: readonly Choice[], id: string): string =>
  choices.length <= CHOICES_MAX ? id : (choices.find((choice) => choice.id === id)?.typed ?? id);

/** The id that was chosen or typed; undefined where it is none of them, or more than one. */
export function chosenId(choices: readonly Choice[], given: string): string | undefined {
  const wanted = given.trim().toLowerCase();
  const found = choices.filter(({ id, typed }) => id.toLowerCase() === wanted || typed.toLowerCase() === wanted);
  return found.length === 1 ? found[0]?.id : undefined;
}

/** Members as choices: listed by name and address, typed by address. */
export const memberChoices = (members: readonly { readonly id: string; readonly name: string; readonly email: string }[]): Choice[] =>
  members.map(({ id, name, email }) => ({ id, label: `${name} (${email})`, typed: email }));
