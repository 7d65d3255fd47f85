/** The fields of the form with this action as a browser would send them untouched. */
export function formOf(html: string, action: string): Record<string, string[]> {
  const form = [...html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)].find(([, tag = '']) => unescaped(attribute(tag, 'action')) === action)?.[2];
  if (form === undefined) throw new Error(`no form leads to ${action}`);
  const fields: Record<string, string[]> = {};
  const add = (name: string, value: string) => name !== '' && (fields[name] ??= []).push(unescaped(value));
  for (const [tag] of form.matchAll(/<input[^>]*>/g))
    if (!/type="(radio|checkbox|file)"/.test(tag) || / checked/.test(tag)) add(attribute(tag, 'name'), attribute(tag, 'value'));
  for (const [, tag = '', value = ''] of form.matchAll(/<textarea([^>]*)>\n?([\s\S]*?)<\/textarea>/g)) add(attribute(tag, 'name'), value);
  for (const [, tag = '', options = ''] of form.matchAll(/<select([^>]*)>([\s\S]*?)<\/select>/g))
    add(attribute(tag, 'name'), / value="([^"]*)" selected/.exec(options)?.[1] ?? / value="([^"]*)"/.exec(options)?.[1] ?? '');
  return fields;
}

const attribute = (tag: string, name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? '';

const unescaped = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&#x27;', "'").replaceAll('&#x3D;', '=').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
