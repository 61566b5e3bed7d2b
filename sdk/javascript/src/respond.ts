/** A request that comes, and the response of a program: what `wasi:http/incoming-handler` is about. */

import * as bindings from './bindings.ts';
import { drop, isRefusal, u8s } from './boundary.ts';
import { InferletError } from './errors.ts';
import { type Fields, type IncomingBody, type OutgoingBody, type Tagged, append, latin1, read } from './globals/fetch.ts';
import { type Pieces, type Request, Response, bytesOfPiece, requestOf } from './globals/messages.ts';
import type { Bytes, Maybe, RawOutputStream, Resource } from './interfaces.ts';
import * as jsons from './jsons.ts';
import { ready } from './waiting.ts';

/** The request as the engine has it. */
export interface RawRequest extends Resource {
  method(): Tagged;
  pathWithQuery(): Maybe<string>;
  authority(): Maybe<string>;
  headers(): Fields & { entries(): [string, Bytes][] };
  consume(): IncomingBody;
}

interface OutgoingResponse extends Resource {
  setStatusCode(status: number): void;
  body(): OutgoingBody;
}

interface Types {
  Fields: new () => Fields;
  OutgoingResponse: new (headers: Fields) => OutgoingResponse;
  OutgoingBody: { finish(body: OutgoingBody, trailers: null): void };
  IncomingBody: { finish(body: IncomingBody): Resource };
  ResponseOutparam: { set(out: Resource, response: { tag: 'ok' | 'err'; val: unknown }): void };
}

/** What `URL` needs where a client names no host. */
const NOWHERE = 'localhost';

/** The request, whole. */
export async function received(raw: RawRequest): Promise<Request> {
  const types = (await bindings.httpTypes()) as Types;
  const { tag, val } = raw.method();
  const method = tag === 'other' ? String(val) : tag.toUpperCase();
  const fields = raw.headers();
  const headers = fields.entries().map(([name, value]) => [name, latin1(u8s(value))] as const);
  drop(fields);
  const url = `http://${raw.authority() ?? NOWHERE}${raw.pathWithQuery() ?? '/'}`;
  const body = await read(types, raw.consume(), null);
  drop(raw);
  return requestOf(method, url, headers, body);
}

/** What a program has returned, as a response: a text or a value becomes one. */
export function responseOf(value: unknown): Response {
  if (value instanceof Response) return value;
  return typeof value === 'string' ? textual(value, 200) : new Response(jsons.stringify(value), { headers: { 'content-type': 'application/json' } });
}

/** A response that is a text. */
export function textual(text: string, status: number): Response {
  return new Response(text, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });
}

/** Sends a response. The client gets its head at once, and its body as it is written. */
export async function respond(out: Resource, response: Response): Promise<void> {
  const types = (await bindings.httpTypes()) as Types;
  const content = response.written();
  let message: OutgoingResponse;
  try {
    message = outgoing(types, response);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    types.ResponseOutparam.set(out, { tag: 'err', val: { tag: 'internal-error', val: why } });
    throw error;
  }
  const body = message.body();
  types.ResponseOutparam.set(out, { tag: 'ok', val: message });
  if (content !== null) await write(body.write(), content);
  types.OutgoingBody.finish(body, null);
}

function outgoing(types: Types, response: Response): OutgoingResponse {
  const fields = new types.Fields();
  for (const [name, value] of response.headers.raw()) append(fields, name, value);
  const message = new types.OutgoingResponse(fields);
  message.setStatusCode(response.status);
  return message;
}

async function write(stream: RawOutputStream, content: Uint8Array | Pieces): Promise<void> {
  try {
    if (content instanceof Uint8Array) await piece(stream, content);
    else for await (const part of content) await piece(stream, bytesOfPiece(part));
  } finally {
    drop(stream);
  }
}

/** Writes a piece, and has the client get it. */
async function piece(stream: RawOutputStream, bytes: Uint8Array): Promise<void> {
  try {
    for (let start = 0; start < bytes.length; ) {
      const room = Math.min(Number(stream.checkWrite()), bytes.length - start);
      if (room > 0) stream.write(bytes.slice(start, start + room));
      else await ready(stream.subscribe());
      start += room;
    }
    stream.flush();
    await ready(stream.subscribe());
  } catch (error) {
    throw isRefusal(error) ? new InferletError('the client has gone, or the body is too long') : error;
  }
}
