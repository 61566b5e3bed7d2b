import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { outside, sdk } from './support.mjs';

const { respond } = await sdk('entry.js');
const { Response } = await sdk('globals/messages.js');
const { module } = await import('./fake/engine.mjs');
const { Fields, IncomingBody } = module('wasi:http/types');

/** A request as the engine has it. */
function request({ method = { tag: 'get' }, path = '/', headers = [], body = '' } = {}) {
  const fields = new Fields();
  for (const [name, value] of headers) fields.append(name, new TextEncoder().encode(value));
  return {
    method: () => method,
    pathWithQuery: () => path,
    authority: () => 'bakery.example',
    headers: () => fields,
    consume: () => new IncomingBody(body),
  };
}

/** What a program responds. */
async function response(handle, of = {}) {
  const out = {};
  const program = { load: async () => ({ handle }), locate: () => undefined, script: 'none' };
  await respond(program, request(of), out);
  return out.response;
}

beforeEach(() => {
  outside.errors = '';
});

describe('a program that responds', () => {
  test('it gets the request, and what it returns goes out', async () => {
    const of = { method: { tag: 'other', val: 'BAKE' }, path: '/a?b', headers: [['x-a', '1']], body: 'rye' };
    const handle = async (asked) => new Response(`${asked.method} ${asked.url} ${asked.headers.get('x-a')} ${await asked.text()}`, { status: 201 });
    const { status, headers, body } = await response(handle, of);
    assert.deepEqual([status, body], [201, 'BAKE http://bakery.example/a?b 1 rye']);
    assert.deepEqual(headers, [['content-type', 'text/plain;charset=UTF-8']]);
  });

  test('a text and a value become responses', async () => {
    assert.equal((await response(() => 'bread')).body, 'bread');
    const { headers, body } = await response(() => ({ loaves: 2 }));
    assert.deepEqual([headers, body], [[['content-type', 'application/json']], '{"loaves":2}']);
  });

  test('a body in pieces is written as they come', async () => {
    async function* pieces() {
      yield 'one ';
      await null;
      yield new TextEncoder().encode('two');
    }
    const { body, pieces: written } = await response(() => new Response(pieces()));
    assert.deepEqual([body, written], ['one two', ['one ', 'two']]);
  });

  test('what it throws is a response too', async () => {
    const { status, body } = await response(() => { throw new Error('no flour'); });
    assert.deepEqual([status, body], [500, 'no flour\n']);
    assert.match(outside.errors, /no flour/);
    assert.match((await response(3)).body, /`handle` is `3`, not a function/);
    assert.match((await response(() => 1n)).body, /BigInt/);
  });

  test('a rejection that nobody awaits is told', async () => {
    await response(() => { globalThis.__inferlet_floating(Promise.reject(new Error('lost'))); return 'ok'; });
    assert.match(outside.errors, /lost/);
  });
});
