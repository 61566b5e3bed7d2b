/** `Headers`: names and values of HTTP. */

/** What headers are made of. */
export type HeadersInit = Headers | Record<string, string> | Iterable<readonly [string, string]>;

/** Headers of a request or a response. Names are in lower case. */
export class Headers implements Iterable<[string, string]> {
  #entries: [string, string][] = [];

  constructor(init?: HeadersInit | null) {
    if (init === undefined || init === null) return;
    const pairs = Symbol.iterator in init ? (init as Iterable<readonly [string, string]>) : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }

  /** Adds a value to those of a name. */
  append(name: string, value: string): void {
    this.#entries.push([named(name), valued(value)]);
  }

  /** Puts a value in the place of those of a name. */
  set(name: string, value: string): void {
    this.delete(name);
    this.append(name, value);
  }

  /** Takes a name out. */
  delete(name: string): void {
    const key = named(name);
    this.#entries = this.#entries.filter(([own]) => own !== key);
  }

  /** Whether there is a name. */
  has(name: string): boolean {
    const key = named(name);
    return this.#entries.some(([own]) => own === key);
  }

  /** The values of a name, with commas between them; `null` if there is none. */
  get(name: string): string | null {
    const key = named(name);
    const values = this.#entries.filter(([own]) => own === key).map(([, value]) => value);
    return values.length === 0 ? null : values.join(', ');
  }

  /** The values of `set-cookie`, one by one. */
  getSetCookie(): string[] {
    return this.#entries.filter(([own]) => own === 'set-cookie').map(([, value]) => value);
  }

  /** Calls a function for each name. */
  forEach(callback: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }

  /** Names and values, in the order of the names. */
  *entries(): IterableIterator<[string, string]> {
    const names = [...new Set(this.#entries.map(([name]) => name))].sort();
    for (const name of names) {
      if (name === 'set-cookie') for (const value of this.getSetCookie()) yield [name, value];
      else yield [name, this.get(name) as string];
    }
  }

  /** Names, in their order. */
  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  /** Values, in the order of their names. */
  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  /** See {@link Headers.entries}. */
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  /** @internal All, as they were added. */
  raw(): readonly [string, string][] {
    return this.#entries;
  }
}

function named(name: string): string {
  const text = String(name);
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)) throw new TypeError(`\`${text}\` is no name of a header`);
  return text.toLowerCase();
}

function valued(value: string): string {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (/[\0\r\n]/.test(text) || !/^[\0-\xff]*$/.test(text)) throw new TypeError(`\`${text}\` is no value of a header`);
  return text;
}
