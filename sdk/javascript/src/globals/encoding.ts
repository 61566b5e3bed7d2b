/** `TextEncoder` and `TextDecoder`, for UTF-8. */

const LABELS = ['utf-8', 'utf8', 'unicode-1-1-utf-8', 'unicode11utf8', 'unicode20utf8', 'x-unicode20utf8'];

/** Text to UTF-8. */
export class TextEncoder {
  /** Always `utf-8`. */
  get encoding(): string {
    return 'utf-8';
  }

  /** The bytes of a text. Halves of characters become U+FFFD. */
  encode(input: string = ''): Uint8Array<ArrayBuffer> {
    const text = String(input);
    // No UTF-16 unit takes more than three bytes.
    const bytes = new Uint8Array(text.length * 3);
    return bytes.slice(0, written(text, bytes).written);
  }

  /** Writes as many whole characters as there is room for. */
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    return written(String(source), destination);
  }
}

function written(text: string, bytes: Uint8Array): { read: number; written: number } {
  let read = 0;
  let at = 0;
  while (read < text.length) {
    let code = text.codePointAt(read) as number;
    const units = code > 0xffff ? 2 : 1;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    const length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (at + length > bytes.length) break;
    if (length === 1) {
      bytes[at] = code;
    } else {
      for (let place = length - 1; place > 0; place -= 1) {
        bytes[at + place] = 0x80 | (code & 0x3f);
        code >>= 6;
      }
      bytes[at] = ((0xf00 >> length) & 0xff) | code;
    }
    at += length;
    read += units;
  }
  return { read, written: at };
}

/** How a {@link TextDecoder} decodes. */
export interface TextDecoderOptions {
  /** Bytes that are no UTF-8 are a `TypeError`, and not U+FFFD. */
  fatal?: boolean;
  /** A byte order mark at the start is part of the text. */
  ignoreBOM?: boolean;
}

/** UTF-8 to text. */
export class TextDecoder {
  /** Always `utf-8`. */
  readonly encoding: string = 'utf-8';
  /** See {@link TextDecoderOptions}. */
  readonly fatal: boolean;
  /** See {@link TextDecoderOptions}. */
  readonly ignoreBOM: boolean;
  // Bytes of a character that is not complete.
  #rest: number[] = [];
  #isAtStart = true;

  constructor(label: string = 'utf-8', options: TextDecoderOptions = {}) {
    if (!LABELS.includes(String(label).trim().toLowerCase())) {
      throw new RangeError(`\`${label}\` is no encoding that is known here: there is \`utf-8\``);
    }
    this.fatal = options.fatal ?? false;
    this.ignoreBOM = options.ignoreBOM ?? false;
  }

  /** The text of some bytes. With `stream`, an incomplete character at the end waits for the bytes that come next. */
  decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
    const given = input === undefined ? new Uint8Array() : bytesOf(input);
    const bytes = this.#rest.length > 0 ? Uint8Array.from([...this.#rest, ...given]) : given;
    this.#rest = [];
    const isLast = options.stream !== true;
    let text = this.#text(bytes, isLast);
    if (this.#isAtStart && text.length > 0) {
      if (!this.ignoreBOM && text.startsWith('\ufeff')) text = text.slice(1);
      this.#isAtStart = false;
    }
    if (isLast) this.#isAtStart = true;
    return text;
  }

  #text(bytes: Uint8Array, isLast: boolean): string {
    const pieces: string[] = [];
    let units: number[] = [];
    let at = 0;
    while (at < bytes.length) {
      const { code, length, isCut } = character(bytes, at);
      if (isCut && !isLast) {
        this.#rest = [...bytes.subarray(at)];
        break;
      }
      if (code === undefined && this.fatal) throw new TypeError('the bytes are no UTF-8');
      const point = code ?? 0xfffd;
      if (point > 0xffff) units.push(0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff));
      else units.push(point);
      at += length;
      if (units.length > 4096) {
        pieces.push(String.fromCharCode(...units));
        units = [];
      }
    }
    pieces.push(String.fromCharCode(...units));
    return pieces.join('');
  }
}

/** The bytes that a buffer or a view of one has. */
export function bytesOf(input: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  return new Uint8Array(input);
}

/** One character; none if the bytes begin no right one, of which as many are taken as could have begun one. */
function character(bytes: Uint8Array, at: number): { code: number | undefined; length: number; isCut: boolean } {
  const first = bytes[at] as number;
  if (first < 0x80) return { code: first, length: 1, isCut: false };
  const length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length === 0) return { code: undefined, length: 1, isCut: false };
  let code = first & (0x7f >> length);
  for (let place = 1; place < length; place += 1) {
    const byte = bytes[at + place];
    if (byte === undefined) return { code: undefined, length: place, isCut: true };
    const [low, high] = place === 1 ? second(first) : [0x80, 0xbf];
    if (byte < low || byte > high) return { code: undefined, length: place, isCut: false };
    code = (code << 6) | (byte & 0x3f);
  }
  return { code, length, isCut: false };
}

/** What may be behind a first byte, so that there are no halves of characters, nothing too long and nothing too large. */
function second(first: number): [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  if (first === 0xf4) return [0x80, 0x8f];
  return [0x80, 0xbf];
}
