/** What of the web platform a program may use, by its types. */

import * as fs from 'inferlet/fs';

export async function program(): Promise<unknown[]> {
  const timer = setTimeout((x: number) => x, 5, 1);
  clearTimeout(timer);
  await new Promise((resolve) => setTimeout(resolve, 1));
  await new Promise<void>((resolve) => setTimeout(resolve));
  const signal: AbortSignal = AbortSignal.any([AbortSignal.timeout(5), new AbortController().signal]);
  const url = new URL('/a?b=c', 'https://example.com');
  const bytes: Uint8Array = new TextEncoder().encode('x');
  const copy: { a: Map<string, number> } = structuredClone({ a: new Map([['x', 1]]) });
  const response: Response = await fetch(url, { method: 'POST', body: JSON.stringify(copy), signal });
  const headers: Headers = response.headers;
  queueMicrotask(() => console.log(headers.get('x'), performance.now(), crypto.randomUUID()));
  const text: string = await fs.readFile('/scratch/a', 'utf8');
  const raw: Uint8Array = await fs.readFile('/scratch/a');
  return [new TextDecoder().decode(bytes), url.searchParams.get('b'), text, raw, crypto.getRandomValues(new Uint8Array(2))];
}
