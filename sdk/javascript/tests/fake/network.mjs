/** Servers on the network, which tests put there: `servers.set('https://a.example', (request) => response)`. */

import { Pollable, Resource, clock, refusal } from './clock.mjs';

export const servers = new Map();
/** Requests that wait for their response, and the most that ever did at once. */
export const network = { waiting: 0, most: 0 };

class Fields extends Resource {
  list = [];

  append(name, value) {
    if (name === 'host') throw refusal({ tag: 'forbidden' });
    this.list.push([name, value]);
  }

  entries() {
    return this.list;
  }
}

class OutputStream extends Resource {
  constructor(body) {
    super();
    this.body = body;
  }

  blockingWriteAndFlush(bytes) {
    if (bytes.length > 4096) throw new Error('too much at once');
    this.body.text += new TextDecoder().decode(bytes);
  }

  checkWrite() {
    return 4096;
  }

  write(bytes) {
    if (bytes.length > 4096) throw new Error('too much at once');
    this.body.pieces.push(new TextDecoder().decode(bytes));
    this.body.text += this.body.pieces.at(-1);
  }

  flush() {}

  subscribe() {
    return new Pollable(clock.now);
  }
}

class OutgoingBody extends Resource {
  text = '';
  pieces = [];
  isFinished = false;

  write() {
    return new OutputStream(this);
  }

  static finish(body) {
    body.isFinished = true;
  }
}

class OutgoingRequest extends Resource {
  #body = new OutgoingBody();

  constructor(fields) {
    super();
    this.headers = fields.list.map(([name, value]) => [name, String.fromCharCode(...value)]);
  }

  setMethod(method) {
    this.method = method.tag === 'other' ? method.val : method.tag.toUpperCase();
    if (/[^A-Z]/.test(this.method)) throw refusal(undefined);
  }

  setScheme({ tag }) {
    this.scheme = tag.toLowerCase();
  }

  setAuthority(authority) {
    this.authority = authority;
  }

  setPathWithQuery(path) {
    this.path = path;
  }

  body() {
    return this.#body;
  }
}

class OutgoingResponse extends Resource {
  #body = new OutgoingBody();

  constructor(fields) {
    super();
    this.headers = fields.list.map(([name, value]) => [name, String.fromCharCode(...value)]);
  }

  setStatusCode(status) {
    this.status = status;
  }

  body() {
    return this.#body;
  }
}

/** Puts what a program responds into the object that it was given for that. */
const ResponseOutparam = {
  set(out, { tag, val }) {
    if (tag === 'err') out.error = val;
    else out.response = { status: val.status, headers: val.headers, get body() { return val.body().text; }, get pieces() { return val.body().pieces; } };
  },
};

class InputStream extends Resource {
  constructor(body) {
    super();
    this.pieces = [...body.match(/[^]{1,3}/g) ?? [], ''];
  }

  read() {
    const piece = this.pieces.shift();
    if (piece === undefined) throw refusal({ tag: 'closed' });
    return new TextEncoder().encode(piece);
  }

  subscribe() {
    return new Pollable(clock.now + 2_500_000);
  }
}

class IncomingBody extends Resource {
  constructor(text) {
    super();
    this.text = text;
  }

  stream() {
    return new InputStream(this.text);
  }

  static finish() {
    return new Resource();
  }
}

class IncomingResponse extends Resource {
  constructor(response) {
    super();
    this.response = response;
  }

  status() {
    return this.response.status ?? 200;
  }

  headers() {
    const fields = new Fields();
    fields.list = Object.entries(this.response.headers ?? {}).map(([name, value]) => [name, new TextEncoder().encode(value)]);
    return fields;
  }

  consume() {
    return new IncomingBody(this.response.body ?? '');
  }
}

class FutureIncomingResponse extends Resource {
  constructor(request) {
    super();
    this.request = request;
    this.due = clock.now + 10_000_000;
    network.waiting += 1;
    network.most = Math.max(network.most, network.waiting);
  }

  subscribe() {
    return new Pollable(this.due);
  }

  get() {
    const { request } = this;
    network.waiting -= 1;
    const answer = servers.get(`${request.scheme}://${request.authority}`);
    if (answer === undefined) return { tag: 'ok', val: { tag: 'err', val: { tag: 'destination-not-found' } } };
    const response = answer({ ...request, body: request.body().text, isFinished: request.body().isFinished });
    if (typeof response === 'string') return { tag: 'ok', val: { tag: 'err', val: { tag: response } } };
    return { tag: 'ok', val: { tag: 'ok', val: new IncomingResponse(response) } };
  }
}

export const modules = {
  'wasi:http/types': { Fields, OutgoingRequest, OutgoingResponse, OutgoingBody, IncomingBody, ResponseOutparam },
  'wasi:http/outgoing-handler': {
    handle: (request) => {
      if (request.authority === 'forbidden.example') throw refusal({ tag: 'HTTP-request-denied' });
      return new FutureIncomingResponse(request);
    },
  },
};
