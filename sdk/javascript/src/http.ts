/**
 * HTTP requests to the hosts that the manifest lists under `[permissions]`, and to no others.
 *
 * It is `fetch` with a shorter way to what is usual: JSON in, an error for a status that is none of success. Redirects are not followed. Bodies are whole, and what the
 * engine records of a run has them, without what is secret in headers; so a run can be replayed without a network.
 *
 * A program that *responds* to requests exports `handle` in the place of `main`, and runs under `bakery run --http 127.0.0.1:8080`, once for each request: a function of a
 * `Request` whose result is a `Response`, or a text or a value, which become one. The body of the `Response` may be what an `async function*` gives: text or bytes, sent
 * while they are made. What it throws is a response with status 500 and the error as its text.
 *
 * @module
 */

import { InferletError } from './errors.ts';
import { AbortSignal } from './globals/abort.ts';
import { fetch } from './globals/fetch.ts';
import { Headers, type HeadersInit } from './globals/headers.ts';
import type { Response } from './globals/messages.ts';
import * as jsons from './jsons.ts';

export { fetch } from './globals/fetch.ts';

/** What a request has besides its method and URL. */
export interface HttpOptions {
  /** Headers, by name. */
  headers?: HeadersInit;
  /** The body, as text or bytes. */
  body?: string | Uint8Array;
  /** A value as JSON in the body, and the header that says so. */
  json?: unknown;
  /** Milliseconds that the response may take; without it, a minute. */
  timeout?: number;
}

/** Sends a request and waits for all of the response, whatever its status is. The error says what was asked and why there is no response. */
export async function request(method: string, url: string | URL, options: HttpOptions = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  let body = options.body;
  if (options.json !== undefined) {
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    body = jsons.stringify(options.json);
  }
  const signal = options.timeout === undefined ? undefined : AbortSignal.timeout(options.timeout);
  return fetch(url, { method, headers, body, signal });
}

/** Gets what is at a URL. */
export async function get(url: string | URL, options: HttpOptions = {}): Promise<Response> {
  return request('GET', url, options);
}

/** Posts to a URL. */
export async function post(url: string | URL, options: HttpOptions = {}): Promise<Response> {
  return request('POST', url, options);
}

/** Puts to a URL. */
export async function put(url: string | URL, options: HttpOptions = {}): Promise<Response> {
  return request('PUT', url, options);
}

/** The response itself if its status says that the request was successful, from 200 to 299; else an error with the status and the beginning of the body. */
export async function success(response: Response): Promise<Response> {
  if (response.ok) return response;
  const head = (await response.text()).slice(0, 200);
  throw new InferletError(`the server answered with status ${response.status}: ${head}`);
}
