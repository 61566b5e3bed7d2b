/** `Blob`, `File` and `FormData`. */

import { TextDecoder, TextEncoder, bytesOf } from './encoding.ts';

/** What a blob is made of. */
export type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob;

/** Bytes that do not change, and what they are. */
export class Blob {
  /** What they are, such as `text/plain`; empty if nobody says. */
  readonly type: string;
  #bytes: Uint8Array<ArrayBuffer>;

  constructor(parts: Iterable<BlobPart> = [], options: { type?: string } = {}) {
    this.#bytes = together(Array.from(parts, part));
    this.type = String(options.type ?? '').toLowerCase();
  }

  /** How many. */
  get size(): number {
    return this.#bytes.length;
  }

  /** The bytes. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes.slice();
  }

  /** The bytes. */
  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer;
  }

  /** The bytes as text. */
  async text(): Promise<string> {
    return new TextDecoder().decode(this.#bytes);
  }

  /** Some of the bytes. */
  slice(start: number = 0, end: number = this.size, type: string = ''): Blob {
    return new Blob([this.#bytes.slice(start, end)], { type });
  }

  /** @internal */
  content(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}

/** A blob with a name. */
export class File extends Blob {
  /** Its name. */
  readonly name: string;
  /** When it was changed, in milliseconds since 1970. */
  readonly lastModified: number;

  constructor(parts: Iterable<BlobPart>, name: string, options: { type?: string; lastModified?: number } = {}) {
    super(parts, options);
    this.name = String(name);
    this.lastModified = options.lastModified ?? Date.now();
  }
}

/** Names and values of a form. */
export class FormData implements Iterable<[string, string | File]> {
  #entries: [string, string | File][] = [];

  /** Adds a value to those of a name. */
  append(name: string, value: string | Blob, filename?: string): void {
    this.#entries.push([String(name), field(value, filename)]);
  }

  /** Puts a value in the place of those of a name. */
  set(name: string, value: string | Blob, filename?: string): void {
    const first = this.#entries.findIndex(([own]) => own === name);
    const before = first < 0 ? this.#entries.length : first;
    const others = this.#entries.filter(([own], index) => own !== name || index < before);
    others.splice(before, 0, [String(name), field(value, filename)]);
    this.#entries = others;
  }

  /** Takes a name out. */
  delete(name: string): void {
    this.#entries = this.#entries.filter(([own]) => own !== name);
  }

  /** The first value of a name; `null` if there is none. */
  get(name: string): string | File | null {
    return this.#entries.find(([own]) => own === name)?.[1] ?? null;
  }

  /** The values of a name. */
  getAll(name: string): (string | File)[] {
    return this.#entries.filter(([own]) => own === name).map(([, value]) => value);
  }

  /** Whether there is a name. */
  has(name: string): boolean {
    return this.#entries.some(([own]) => own === name);
  }

  /** Names and values, in their order. */
  *entries(): IterableIterator<[string, string | File]> {
    yield* this.#entries;
  }

  /** Names, in their order. */
  *keys(): IterableIterator<string> {
    for (const [name] of this.#entries) yield name;
  }

  /** Values, in their order. */
  *values(): IterableIterator<string | File> {
    for (const [, value] of this.#entries) yield value;
  }

  /** Calls a function for each. */
  forEach(callback: (value: string | File, name: string, form: FormData) => void): void {
    for (const [name, value] of this.#entries) callback(value, name, this);
  }

  /** See {@link FormData.entries}. */
  [Symbol.iterator](): IterableIterator<[string, string | File]> {
    return this.entries();
  }
}

/** A form as the body of a request, as RFC 7578 has it. */
export function multipart(form: FormData, boundary: string): Uint8Array<ArrayBuffer> {
  const parts: BlobPart[] = [];
  for (const [name, value] of form) {
    parts.push(`--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"`);
    if (typeof value === 'string') {
      parts.push(`\r\n\r\n${value.replace(/\r?\n|\r/g, '\r\n')}\r\n`);
    } else {
      const type = value.type || 'application/octet-stream';
      parts.push(`; filename="${quoted(value.name)}"\r\ncontent-type: ${type}\r\n\r\n`, value, '\r\n');
    }
  }
  parts.push(`--${boundary}--\r\n`);
  return new Blob(parts).content();
}

function quoted(name: string): string {
  return name.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}

function field(value: string | Blob, filename: string | undefined): string | File {
  if (!(value instanceof Blob)) return String(value);
  if (value instanceof File && filename === undefined) return value;
  return new File([value], filename ?? 'blob', { type: value.type });
}

function part(value: BlobPart): Uint8Array {
  if (value instanceof Blob) return value.content();
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return bytesOf(value);
  return new TextEncoder().encode(String(value));
}

/** Pieces, one behind the other. */
export function together(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
