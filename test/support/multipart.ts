import type { Answer, Visitor } from './browserless.ts';

/** Send a form with a file as a browser would. */
export async function multipart(
  origin: string,
  person: Visitor,
  path: string,
  fields: Record<string, string>,
  file?: { name: string; filename: string; bytes: Uint8Array | string; type?: string },
): Promise<Answer> {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  if (file) body.append(file.name, new Blob([file.bytes as string], { type: file.type ?? 'application/octet-stream' }), file.filename);
  const response = await fetch(new URL(path, origin), {
    method: 'POST',
    body,
    redirect: 'manual',
    headers: { accept: 'text/html', 'sec-fetch-site': 'same-origin', cookie: [...person.cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
  });
  const location = response.headers.get('location');
  return {
    status: response.status,
    headers: response.headers,
    text: await response.text(),
    location: location?.startsWith(origin) ? location.slice(origin.length) : location,
  };
}
