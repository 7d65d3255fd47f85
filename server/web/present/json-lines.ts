/** The line (from 1) on which each statement of a policy's text begins. Of a text that is no JSON, as far as it can be told. */
export function statementLines(text: string): number[] {
  const begins: number[] = [];
  let depth = 0;
  let line = 1;
  let listDepth = -1;
  let lastText = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i];
    if (char === '\n') line += 1;
    else if (char === '"') {
      const from = i + 1;
      for (i += 1; i < text.length && text[i] !== '"' && text[i] !== '\n'; i += 1) if (text[i] === '\\') i += 1;
      if (text[i] === '\n') line += 1;
      lastText = text.slice(from, i);
    } else if (char === '{' || char === '[') {
      if (char === '[' && depth === 1 && lastText === 'Statement') listDepth = depth + 1;
      else if (char === '{' && depth === listDepth) begins.push(line);
      depth += 1;
    } else if (char === '}' || char === ']') {
      depth -= 1;
      if (depth < listDepth) listDepth = -1;
    }
  }
  return begins;
}

const TOKEN =
  /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.]))/y;

/** The line (from 1) on which a text stops being JSON; null when it is JSON. Engines tell it or not, as they like. */
export function faultLine(text: string): number | null {
  const open: string[] = [];
  let wanted: 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'more' = 'value';
  const lineAt = (index: number) => text.slice(0, index).split('\n').length;
  let at = 0;
  for (;;) {
    const rest = /\S/.exec(text.slice(at));
    if (!rest) return wanted === 'more' && open.length === 0 ? null : lineAt(text.trimEnd().length);
    TOKEN.lastIndex = at;
    const [whole, sign, quoted] = TOKEN.exec(text) ?? [];
    const here = lineAt(at + rest.index);
    if (whole === undefined || (wanted === 'more' && open.length === 0)) return here;
    at += whole.length;
    if (wanted === 'colon') {
      if (sign !== ':') return here;
      wanted = 'value';
    } else if (wanted === 'more') {
      if (sign === ',') wanted = open.at(-1) === '{' ? 'key' : 'value';
      else if (!closes(sign, open)) return here;
    } else if (wanted.endsWith('or end') && closes(sign, open)) wanted = 'more';
    else if (wanted.startsWith('key')) {
      if (quoted === undefined) return here;
      wanted = 'colon';
    } else if (sign === '{' || sign === '[') {
      open.push(sign);
      wanted = sign === '{' ? 'key or end' : 'value or end';
    } else if (sign !== undefined) return here;
    else wanted = 'more';
  }
}

function closes(sign: string | undefined, open: string[]): boolean {
  const fits = (sign === '}' && open.at(-1) === '{') || (sign === ']' && open.at(-1) === '[');
  if (fits) open.pop();
  return fits;
}
