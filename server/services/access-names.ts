import { AppError } from '../kernel/errors.ts';

const NAME_MAX = 64;
const DESCRIPTION_MAX = 255;

/** Names in an organization are told apart without regard to case. */
export const nameKeyOf = (name: string): string => name.trim().toLowerCase();
export const byName = (a: { nameKey: string }, b: { nameKey: string }) => (a.nameKey < b.nameKey ? -1 : 1);

export const nameTaken = () => new AppError('invalid-form', undefined, { fields: { name: 'This name is taken in your organization.' } });
/** @param what  `200 policies` */
export const noRoom = (what: string, remedy: string) =>
  new AppError('invalid-form', undefined, { fields: { name: `An organization has room for ${what}, and all are there. ${remedy}` } });

/** @throws invalid-form beside the field */
export function checkNames({ name, description }: { name: string; description: string }): void {
  const fields = {
    ...(name.trim() === '' ? { name: 'This is needed.' } : name.length > NAME_MAX ? { name: `At most ${NAME_MAX} characters fit.` } : {}),
    ...(description.length > DESCRIPTION_MAX ? { description: `At most ${DESCRIPTION_MAX} characters fit.` } : {}),
  };
  if (Object.keys(fields).length > 0) throw new AppError('invalid-form', undefined, { fields });
}
