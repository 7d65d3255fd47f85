/** A call as a shell would make it of the curl that a page shows. */
export interface ShownCall {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Read a shown curl. @throws when it is not a plain call: the page promises one that can be pasted. */
export function readCurl(text: string): ShownCall {
  const words = [...text.replaceAll('\\\n', ' ').matchAll(/'((?:[^']|'\\'')*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) =>
    (single ?? double ?? plain ?? '').replaceAll("'\\''", "'"),
  );
  if (words[0] !== 'curl') throw new Error(`no curl: ${text}`);
  const headers: Record<string, string> = {};
  let url = '';
  let method = 'GET';
  for (let i = 1; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (word === '-H') {
      const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(words[++i] ?? '') ?? [];
      headers[name] = value;
    } else if (word === '-X') method = words[++i] ?? '';
    else if (word.startsWith('-')) throw new Error(`unknown option ${word}: ${text}`);
    else url = word;
  }
  if (Object.values(headers).some((value) => value.includes('$'))) throw new Error(`a variable stands in for a value: ${text}`);
  return { url, method, headers };
}

export const call = ({ url, method, headers }: ShownCall): Promise<Response> => fetch(url, { method, headers });
