/** `fetch`, to the hosts that the manifest permits. */

import * as bindings from '../bindings.ts';
import { drop, isRefusal, u8s } from '../boundary.ts';
import type { Bytes, Maybe, RawInputStream, RawOutputStream, RawPollable, RawResult, Resource } from '../interfaces.ts';
import { ready } from '../waiting.ts';
import { together } from './blob.ts';
import { Headers } from './headers.ts';
import { Request, type RequestInit, Response, withUrl } from './messages.ts';

/** The most bytes of one read, and of one write. */
const READ_BYTES = 65536;
const WRITE_BYTES = 4096;

/** A case of a variant. */
export type Tagged = { tag: string; val?: unknown };

/** Headers. */
export interface Fields extends Resource {
  append(name: string, value: Uint8Array): void;
  entries(): [string, Bytes][];
}

/** A body to be written. */
export interface OutgoingBody extends Resource {
  write(): RawOutputStream;
}

interface OutgoingRequest extends Resource {
  setMethod(method: Tagged): void;
  setScheme(scheme: Tagged): void;
  setAuthority(authority: string): void;
  setPathWithQuery(path: string): void;
  body(): OutgoingBody;
}

/** A body to be read. */
export interface IncomingBody extends Resource {
  stream(): RawInputStream;
}

interface IncomingResponse extends Resource {
  status(): number;
  headers(): Fields;
  consume(): IncomingBody;
}

interface FutureIncomingResponse extends Resource {
  subscribe(): RawPollable;
  get(): Maybe<RawResult<RawResult<IncomingResponse, Tagged>, unknown>>;
}

interface Http {
  types: {
    Fields: new () => Fields;
    OutgoingRequest: new (headers: Fields) => OutgoingRequest;
    OutgoingBody: { finish(body: OutgoingBody, trailers: null): void };
    IncomingBody: { finish(body: IncomingBody): Resource };
  };
  handler: { handle(request: OutgoingRequest, options: null): FutureIncomingResponse };
}

/**
 * Sends a request and waits for all of the response, whatever its status is. Redirects are not followed.
 *
 * It rejects with a `TypeError` that says what was asked and why there is no response.
 */
export async function fetch(input: Request | string | URL, init: RequestInit = {}): Promise<Response> {
  // Made here, so that its stack says from where.
  const failure = new TypeError();
  const request = new Request(input, init);
  request.signal?.throwIfAborted();
  try {
    return await exchanged(await network(), request);
  } catch (error) {
    if (request.signal?.aborted) throw request.signal.reason;
    failure.message = `${request.method} ${request.url}: ${reason(error)}`;
    throw failure;
  }
}

async function network(): Promise<Http> {
  try {
    return (await bindings.http()) as Http;
  } catch {
    throw new TypeError('the manifest permits no hosts: list them under `[permissions]` in `Pie.toml`, as `network`');
  }
}

async function exchanged(http: Http, request: Request): Promise<Response> {
  const { signal } = request;
  const message = outgoing(http, request);
  const body = message.body();
  const future = http.handler.handle(message, null);
  write(http, body, request.content());
  await ready(future.subscribe(), signal);
  const answer = future.get();
  drop(future);
  if (answer?.tag !== 'ok') throw new TypeError('the response was taken before');
  if (answer.val.tag === 'err') throw new TypeError(explained(answer.val.val));
  const response = answer.val.val;
  const fields = response.headers();
  const entries = fields.entries();
  drop(fields);
  const status = response.status();
  const bytes = await read(http.types, response.consume(), signal);
  drop(response);
  const headers = new Headers(entries.map(([name, value]) => [name, latin1(u8s(value))] as const));
  const isBare = bytes.length === 0 && [101, 103, 204, 205, 304].includes(status);
  return withUrl(new Response(isBare ? null : bytes, { status, headers }), request.url);
}

function outgoing(http: Http, request: Request): OutgoingRequest {
  const url = new URL(request.url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('its scheme is neither `http` nor `https`');
  if (url.username !== '' || url.password !== '') throw new TypeError('names and passwords belong in a header');
  const fields = new http.types.Fields();
  for (const [name, value] of request.headers.raw()) {
    append(fields, name, value);
  }
  const message = new http.types.OutgoingRequest(fields);
  refused('the method or the URL has characters that cannot be sent', () => {
    message.setMethod(method(request.method));
    message.setScheme({ tag: url.protocol === 'https:' ? 'HTTPS' : 'HTTP' });
    message.setAuthority(url.host);
    message.setPathWithQuery(`${url.pathname}${url.search}`);
  });
  return message;
}

/** Adds a header, or says that it cannot be sent. */
export function append(fields: Fields, name: string, value: string): void {
  refused(`the header \`${name}\` cannot be sent`, () => fields.append(name, Uint8Array.from(value, (letter) => letter.charCodeAt(0))));
}

function method(name: string): Tagged {
  const known = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
  return known.includes(name) ? { tag: name.toLowerCase() } : { tag: 'other', val: name };
}

function write(http: Http, body: OutgoingBody, bytes: Uint8Array | null): void {
  if (bytes !== null && bytes.length > 0) {
    const stream = body.write();
    refused('the body was cut off while it was sent', () => {
      for (let start = 0; start < bytes.length; start += WRITE_BYTES) {
        stream.blockingWriteAndFlush(bytes.slice(start, start + WRITE_BYTES));
      }
    });
    drop(stream);
  }
  http.types.OutgoingBody.finish(body, null);
}

/** All of a body that comes. */
export async function read(types: Pick<Http['types'], 'IncomingBody'>, body: IncomingBody, signal: AbortSignal | null): Promise<Uint8Array> {
  const stream = body.stream();
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = part(stream);
    if (piece === undefined) break;
    if (piece.length === 0) await ready(stream.subscribe(), signal);
    else pieces.push(piece);
  }
  drop(stream);
  drop(types.IncomingBody.finish(body));
  return together(pieces);
}

/** What is there; `undefined` at the end. */
function part(stream: RawInputStream): Uint8Array | undefined {
  try {
    return u8s(stream.read(READ_BYTES));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if ((error.payload as Tagged).tag === 'closed') return undefined;
    const { val } = error.payload as { val?: { toDebugString?(): string } };
    throw new TypeError(`the body was cut off: ${val?.toDebugString?.() ?? 'the connection is gone'}`);
  }
}

/** Calls a function of the interface; a refusal of its is an error with this text. */
export function refused(why: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    throw isRefusal(error) ? new TypeError(why) : error;
  }
}

/** The text of a header. */
export function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

function reason(error: unknown): string {
  if (isRefusal(error)) return explained(error.payload as Tagged);
  return error instanceof Error ? error.message : String(error);
}

/** An error as a person reads it. Those that a manifest can help with say so. */
function explained(code: Tagged | undefined): string {
  switch (code?.tag) {
    case 'HTTP-request-denied':
      return 'the host is not among those that `[permissions]` in `Pie.toml` lists under `network`';
    case 'destination-IP-prohibited':
      return 'the host leads to an address of a private network, and such have to be listed themselves under `network`';
    case 'internal-error':
      return typeof code.val === 'string' ? code.val : 'the engine cannot ask';
    case 'HTTP-response-timeout':
    case 'connection-timeout':
      return 'the server took too long';
    case 'HTTP-response-body-size':
      return 'the body of the response is too long';
    case 'connection-refused':
      return 'the server refused the connection';
    case 'DNS-error':
    case 'destination-not-found':
      return 'the host cannot be found';
    case 'TLS-certificate-error':
      return "the server's certificate is not trusted";
    case 'HTTP-request-URI-invalid':
      return 'the URL has no host that can be asked';
    default:
      return `there is no response: ${code?.tag ?? 'nobody says why'}`;
  }
}
