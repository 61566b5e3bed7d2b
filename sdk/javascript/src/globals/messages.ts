/** `Request` and `Response`. Bodies are whole, but for that of a response which a program gives: it may be written while the client reads it. */

import type { AbortSignal } from './abort.ts';
import { described } from '../boundary.ts';
import { Blob, FormData, multipart, together } from './blob.ts';
import { TextDecoder, TextEncoder, bytesOf } from './encoding.ts';
import { Headers, type HeadersInit } from './headers.ts';
import { Crypto } from './random.ts';

/** What a body is made of. */
export type BodyInit = string | ArrayBuffer | ArrayBufferView | URLSearchParams | Blob | FormData;

/** A body in pieces: what an `async function*` gives, for example. */
export type Pieces = AsyncIterable<string | Uint8Array>;

/** A body, which can be read once. */
class Body {
  #bytes: Uint8Array | Pieces | null;
  #isUsed = false;

  constructor(bytes: Uint8Array | Pieces | null) {
    this.#bytes = bytes;
  }

  /** Whether it has been read. */
  get bodyUsed(): boolean {
    return this.#isUsed;
  }

  /** Its bytes. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#taken()).slice();
  }

  /** Its bytes. */
  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.#taken()).slice().buffer;
  }

  /** Its bytes, and what they are. */
  async blob(): Promise<Blob> {
    return new Blob([await this.#taken()], { type: this.kind() });
  }

  /** Its text. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.#taken());
  }

  /** Its value. */
  async json(): Promise<any> {
    return JSON.parse(await this.text());
  }

  /** @internal What its headers say that it is. */
  kind(): string {
    return '';
  }

  /** @internal Its bytes, without reading it. */
  content(): Uint8Array | null {
    if (this.#isUsed) throw new TypeError('the body has been read already');
    if (isPieces(this.#bytes)) throw new TypeError('a body in pieces can be written or read, and not copied');
    return this.#bytes;
  }

  /** @internal Takes it to write it, whole or in pieces. */
  written(): Uint8Array | Pieces | null {
    if (this.#isUsed) throw new TypeError('the body has been read already');
    this.#isUsed = this.#bytes !== null;
    return this.#bytes;
  }

  async #taken(): Promise<Uint8Array> {
    const bytes = this.written();
    if (!isPieces(bytes)) return bytes ?? new Uint8Array();
    const all: Uint8Array[] = [];
    for await (const piece of bytes) all.push(bytesOfPiece(piece));
    return together(all);
  }
}

function isPieces(body: unknown): body is Pieces {
  return typeof (body as Partial<Pieces> | null)?.[Symbol.asyncIterator] === 'function';
}

/** The bytes of one piece of a body. */
export function bytesOfPiece(piece: unknown): Uint8Array {
  if (typeof piece === 'string') return new TextEncoder().encode(piece);
  if (piece instanceof ArrayBuffer || ArrayBuffer.isView(piece)) return bytesOf(piece);
  throw new TypeError(`the pieces of a body are text or bytes, not ${described(piece)}`);
}

/** The bytes of a body, and what they are if nobody says otherwise. */
function extracted(body: BodyInit | null | undefined): [Uint8Array | null, string | undefined] {
  if (body === null || body === undefined) return [null, undefined];
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return [bytesOf(body).slice(), undefined];
  if (body instanceof Blob) return [body.content(), body.type || undefined];
  if (body instanceof FormData) {
    const boundary = `inferlet-${new Crypto().randomUUID()}`;
    return [multipart(body, boundary), `multipart/form-data; boundary=${boundary}`];
  }
  const isForm = typeof body === 'object' && body.constructor?.name === 'URLSearchParams';
  const kind = isForm ? 'application/x-www-form-urlencoded;charset=UTF-8' : 'text/plain;charset=UTF-8';
  return [new TextEncoder().encode(String(body)), kind];
}

/** How a request is made. */
export interface RequestInit {
  /** `GET` and the like; `GET` without it. */
  method?: string | undefined;
  /** Headers. */
  headers?: HeadersInit | undefined;
  /** The body. */
  body?: BodyInit | null | undefined;
  /** Ends the wait for the response. */
  signal?: AbortSignal | null | undefined;
}

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH'];

/** A request to be sent. */
export class Request extends Body {
  /** `GET` and the like. */
  readonly method: string;
  /** Where it goes. */
  readonly url: string;
  /** Its headers. */
  readonly headers: Headers;
  /** Ends the wait for the response. */
  readonly signal: AbortSignal | null;

  constructor(input: Request | string | URL, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    const [bytes, kind] = init.body !== undefined ? extracted(init.body) : [from?.content() ?? null, undefined];
    super(bytes);
    const method = String(init.method ?? from?.method ?? 'GET');
    const upper = method.toUpperCase();
    this.method = METHODS.includes(upper) ? upper : method;
    if (bytes !== null && (this.method === 'GET' || this.method === 'HEAD')) {
      throw new TypeError(`a request with \`${this.method}\` has no body`);
    }
    this.url = from?.url ?? new URL(String(input)).href;
    this.headers = new Headers(init.headers ?? from?.headers);
    if (kind !== undefined && !this.headers.has('content-type')) this.headers.set('content-type', kind);
    this.signal = init.signal === undefined ? (from?.signal ?? null) : init.signal;
  }

  /** @internal */
  override kind(): string {
    return this.headers.get('content-type') ?? '';
  }

  /** The same once more. */
  clone(): Request {
    return new Request(this);
  }
}

/** A request that has come, which may have any method and a body all the same. */
export function requestOf(method: string, url: string, headers: HeadersInit, body: Uint8Array): Request {
  const request = new Request(url, { method: 'POST', headers, body: body.length === 0 ? null : body });
  Object.defineProperty(request, 'method', { value: method, enumerable: true });
  return request;
}

/** How a response is made. */
export interface ResponseInit {
  /** The status; 200 without it. */
  status?: number;
  /** What the status is called. */
  statusText?: string;
  /** Headers. */
  headers?: HeadersInit;
}

/** Statuses that have no body. */
const BARE = [101, 103, 204, 205, 304];

/** A response. */
export class Response extends Body {
  /** The status, `200` for example. */
  readonly status: number;
  /** What the status is called. */
  readonly statusText: string;
  /** Its headers. */
  readonly headers: Headers;
  /** What was asked; empty for one that the program made. */
  readonly url: string;
  /** Redirects are not followed. */
  readonly redirected: boolean = false;

  constructor(body?: BodyInit | Pieces | null, init: ResponseInit = {}) {
    const [bytes, kind] = isPieces(body) ? [body, undefined] : extracted(body);
    super(bytes);
    this.status = init.status ?? 200;
    if (!Number.isInteger(this.status) || this.status < 200 || this.status > 599) {
      throw new RangeError(`\`${init.status}\` is no status of a response`);
    }
    if (bytes !== null && BARE.includes(this.status)) throw new TypeError(`a response with status ${this.status} has no body`);
    this.statusText = init.statusText ?? '';
    this.headers = new Headers(init.headers);
    if (kind !== undefined && !this.headers.has('content-type')) this.headers.set('content-type', kind);
    this.url = '';
  }

  /** A response with a value as JSON. */
  static json(value: unknown, init: ResponseInit = {}): Response {
    const response = new Response(JSON.stringify(value), init);
    if (!new Headers(init.headers).has('content-type')) response.headers.set('content-type', 'application/json');
    return response;
  }

  /** Whether the status says that the request was successful. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** @internal */
  override kind(): string {
    return this.headers.get('content-type') ?? '';
  }

  /** The same once more. */
  clone(): Response {
    const { status, statusText, headers, url } = this;
    const copy = new Response(this.content()?.slice() ?? null, { status, statusText, headers });
    return withUrl(copy, url);
  }
}

/** The response to a request that was sent. */
export function withUrl(response: Response, url: string): Response {
  Object.defineProperty(response, 'url', { value: url, enumerable: true });
  return response;
}
