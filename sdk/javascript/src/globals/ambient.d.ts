/**
 * What of the web platform is there while a program runs as an inferlet, for editors and the type checker. With `skipLibCheck` it gets along with the declarations of
 * browsers and of Node.js.
 */

declare var console: import('./console.js').Console;
declare var crypto: import('./random.js').Crypto;
declare var performance: import('./performance.js').Performance;

declare var setTimeout: typeof import('./timers.js').setTimeout;
declare var setInterval: typeof import('./timers.js').setInterval;
declare var setImmediate: typeof import('./timers.js').setImmediate;
declare var clearTimeout: typeof import('./timers.js').clearTimeout;
declare var clearInterval: typeof import('./timers.js').clearInterval;
declare var clearImmediate: typeof import('./timers.js').clearTimeout;
declare function queueMicrotask(callback: () => void): void;

declare function structuredClone<T>(value: T, options?: { transfer?: readonly object[] }): T;
declare function atob(data: string): string;
declare function btoa(data: string): string;

declare var Event: typeof import('./events.js').Event;
type Event = import('./events.js').Event;
declare var EventTarget: typeof import('./events.js').EventTarget;
type EventTarget = import('./events.js').EventTarget;
declare var AbortController: typeof import('./abort.js').AbortController;
type AbortController = import('./abort.js').AbortController;
declare var AbortSignal: typeof import('./abort.js').AbortSignal;
type AbortSignal = import('./abort.js').AbortSignal;
declare var DOMException: typeof import('./exception.js').DOMException;
type DOMException = import('./exception.js').DOMException;

declare var Blob: typeof import('./blob.js').Blob;
type Blob = import('./blob.js').Blob;
declare var File: typeof import('./blob.js').File;
type File = import('./blob.js').File;
declare var FormData: typeof import('./blob.js').FormData;
type FormData = import('./blob.js').FormData;

declare var TextEncoder: typeof import('./encoding.js').TextEncoder;
type TextEncoder = import('./encoding.js').TextEncoder;
declare var TextDecoder: typeof import('./encoding.js').TextDecoder;
type TextDecoder = import('./encoding.js').TextDecoder;

declare var fetch: typeof import('./fetch.js').fetch;
declare var Headers: typeof import('./headers.js').Headers;
type Headers = import('./headers.js').Headers;
declare var Request: typeof import('./messages.js').Request;
type Request = import('./messages.js').Request;
declare var Response: typeof import('./messages.js').Response;
type Response = import('./messages.js').Response;

/** The parts of a URL. */
interface URL {
  hash: string;
  host: string;
  hostname: string;
  href: string;
  readonly origin: string;
  password: string;
  pathname: string;
  port: string;
  protocol: string;
  search: string;
  readonly searchParams: URLSearchParams;
  username: string;
  toString(): string;
  toJSON(): string;
}
declare var URL: {
  prototype: URL;
  new (url: string | URL, base?: string | URL): URL;
  canParse(url: string | URL, base?: string | URL): boolean;
  parse(url: string | URL, base?: string | URL): URL | null;
};

/** The parameters in a URL. */
interface URLSearchParams extends Iterable<[string, string]> {
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  toString(): string;
  forEach(callback: (value: string, key: string, parent: URLSearchParams) => void): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
}
declare var URLSearchParams: {
  prototype: URLSearchParams;
  new (init?: string | Record<string, string> | Iterable<readonly [string, string]> | URLSearchParams): URLSearchParams;
};
