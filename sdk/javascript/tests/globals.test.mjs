import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { beforeEach, describe, test } from 'node:test';
import vm from 'node:vm';

import { scratch } from './fake/files.mjs';
import { network, servers } from './fake/network.mjs';
import { Draw, clock, outside, refused, sdk } from './support.mjs';

const { install } = await sdk('globals/install.js');
const { AbortController, AbortSignal } = await sdk('globals/abort.js');
const { makeConsole } = await sdk('globals/console.js');
const { Blob, File, FormData } = await sdk('globals/blob.js');
const encoding = await sdk('globals/encoding.js');
const { fault, onFault } = await sdk('globals/fault.js');
const { fetch } = await sdk('globals/fetch.js');
const { Headers } = await sdk('globals/headers.js');
const { Request, Response } = await sdk('globals/messages.js');
const { Performance } = await sdk('globals/performance.js');
const { Crypto, random } = await sdk('globals/random.js');
const timers = await sdk('globals/timers.js');
const fs = await sdk('fs.js');
const { http } = await sdk('index.js');
const pollables = await sdk('wait-pollables.js');

const MS = 1e6;
const faults = [];
onFault((error) => faults.push(error));
const sleep = (delay) => timers.sleep(delay);

beforeEach(() => {
  faults.length = 0;
});

describe('putting things in place', () => {
  test('what lacks is there afterwards, and what is there stays', () => {
    const own = () => 1;
    const scope = { setTimeout: own };
    install(scope);
    assert.equal(scope.setTimeout, own);
    for (const name of ['AbortSignal', 'TextDecoder', 'console', 'crypto', 'fetch', 'performance', 'queueMicrotask', 'setInterval']) {
      assert.ok(scope[name] !== undefined, name);
    }
    assert.equal(typeof scope.__inferlet_floating, 'function');
  });

  test('URLs, copies and base 64 are there where the engine has none', () => {
    const source = readFileSync(new URL('../src/globals/vendor.js', import.meta.url), 'utf8');
    const bare = vm.createContext({});
    assert.equal(vm.runInContext('typeof URL + typeof structuredClone + typeof atob', bare), 'undefinedundefinedundefined');
    vm.runInContext(source, bare);
    const value = vm.runInContext(
      `const url = new URL('../b?x=1&y=%20#top', 'https://Example.com:443/a/');
       const copy = structuredClone({ a: new Map([[1, [new Date(5)]]]), e: new Error('no') });
       JSON.stringify([url.href, url.host, [...url.searchParams], URL.canParse('::'), copy.a.get(1)[0].getTime(), copy.e.message, atob(btoa('abc'))])`,
      bare,
    );
    assert.deepEqual(JSON.parse(value), [
      'https://example.com/b?x=1&y=%20#top', 'example.com', [['x', '1'], ['y', ' ']], false, 5, 'no', 'abc',
    ]);
  });
});

describe('text', () => {
  test('UTF-8 goes both ways as in Node.js', () => {
    const draw = new Draw(1);
    const [own, theirs] = [new encoding.TextEncoder(), new TextEncoder()];
    for (let number = 0; number < 300; number += 1) {
      const units = Array.from({ length: draw.below(9) }, () => [0x41, 0xe9, 0x20ac, 0xd83c, 0xdf5e, 0xfeff, 0x7ff, 0x800][draw.below(8)]);
      const text = String.fromCharCode(...units);
      assert.deepEqual([...own.encode(text)], [...theirs.encode(text)]);
      const room = draw.below(8);
      const [a, b] = [new Uint8Array(room), new Uint8Array(room)];
      assert.deepEqual({ ...own.encodeInto(text, a) }, { ...theirs.encodeInto(text, b) });
      assert.deepEqual(a, b);
    }
  });

  test('bytes that are no UTF-8 become what they become in Node.js, at once and piece by piece', () => {
    const draw = new Draw(2);
    const some = [0x41, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x8d, 0x9e, 0xff, 0xed, 0xa0, 0xc0, 0xf5, 0xef, 0xbb, 0xbf, 0xf4, 0x90, 0xe0];
    for (let number = 0; number < 3000; number += 1) {
      const bytes = Uint8Array.from({ length: draw.below(9) }, () => some[draw.below(some.length)]);
      const expected = new TextDecoder().decode(bytes);
      assert.equal(new encoding.TextDecoder().decode(bytes), expected, [...bytes].map((byte) => byte.toString(16)).join(' '));
      const cut = draw.below(9);
      const pieces = new encoding.TextDecoder();
      assert.equal(pieces.decode(bytes.subarray(0, cut), { stream: true }) + pieces.decode(bytes.subarray(cut)), expected);
      let isWrong = false;
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      } catch {
        isWrong = true;
      }
      const fatal = () => new encoding.TextDecoder('utf8', { fatal: true }).decode(bytes);
      if (isWrong) assert.throws(fatal, TypeError);
      else assert.equal(fatal(), expected);
    }
    assert.equal(new encoding.TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.of(0xef, 0xbb, 0xbf, 65)), '\ufeffA');
    assert.throws(() => new encoding.TextDecoder('latin1'), /there is `utf-8`/);
    assert.equal(new encoding.TextDecoder().decode(new TextEncoder().encode('x').buffer), 'x');
    const long = 'ö🍞'.repeat(5000);
    assert.equal(new encoding.TextDecoder().decode(new TextEncoder().encode(long)), long);
  });
});

describe('the console', () => {
  const console = makeConsole();
  const said = (call) => {
    outside.printed = '';
    outside.errors = '';
    call();
    return outside.printed + outside.errors;
  };

  test('values are printed as a person reads them', () => {
    for (const [values, expected] of [
      [['a', 1, true, null, undefined], 'a 1 true null undefined'],
      [['%s is %d and %i, %j %%', 'x', 1.5, 2.7, { a: 1 }, 'more'], 'x is 1.5 and 2, {"a":1} % more'],
      [['100%', 5], '100% 5'],
      [[{ a: 'b', 'c-d': [1, 2n, -0] }], "{ a: \"b\", \"c-d\": [ 1, 2n, -0 ] }"],
      [[[], {}, new Map([[1, { a: 1 }]]), new Set(['x'])], '[] {} Map(1) { 1 => { a: 1 } } Set(1) { "x" }'],
      [[Uint32Array.of(1, 2), class A {}, Symbol('s')], 'Uint32Array(2) [ 1, 2 ] [class A] Symbol(s)'],
      [[{ a: { b: { c: { d: { e: 1 } } } } }], '{ a: { b: { c: { d: [Object] } } } }'],
      [[new (class Point { x = 1; })(), Object.create(null)], 'Point { x: 1 } [Object: null prototype] {}'],
    ]) {
      assert.equal(said(() => console.log(...values)), `${expected}\n`);
    }
    const loop = {};
    loop.self = loop;
    assert.equal(said(() => console.info(loop)), '{ self: [Circular] }\n');
    assert.match(said(() => console.debug(new TypeError('no'))), /^TypeError: no\n {4}at /);
    assert.equal(said(() => console.log(Array(30).fill('bread'))).split('\n').length, 33);
    assert.match(said(() => console.log(Array(200).fill(1))), /… 100 more/);
    assert.equal(said(() => console.log()), '\n');
  });

  test('warnings go to standard error, groups indent', () => {
    said(() => console.error('bad'));
    assert.deepEqual([outside.printed, outside.errors], ['', 'bad\n']);
    assert.equal(said(() => console.assert(1 === 1, 'x')), '');
    assert.equal(said(() => console.assert(false, 'x')), 'Assertion failed: x\n');
    const grouped = said(() => {
      console.group('a');
      console.log('b\nc');
      console.groupEnd();
      console.log('d');
    });
    assert.equal(grouped, 'a\n  b\n  c\nd\n');
    assert.equal(said(() => [1, 2].forEach(() => console.count('n'))), 'n: 1\nn: 2\n');
    const { log } = console;
    assert.equal(said(() => log('by itself')), 'by itself\n');
    assert.match(said(() => console.trace('here')), /^Trace: here\n {4}at /);
  });

  test('time is that of the engine', async () => {
    console.time('t');
    await sleep(1500);
    assert.equal(said(() => console.timeEnd('t')), 't: 1500 ms\n');
    const performance = new Performance();
    const begun = performance.now();
    await sleep(2);
    assert.equal(performance.now() - begun, 2);
  });

  test('a long text is written in pieces', () => {
    assert.equal(said(() => console.log('é'.repeat(5000))).length, 5001);
  });
});

describe('timers', () => {
  test('they call in the order of their times', async () => {
    const calls = [];
    const begun = clock.now;
    timers.setTimeout(() => calls.push('late'), 20);
    timers.setTimeout((x) => calls.push(x), 10, 'early');
    const cleared = timers.setTimeout(() => calls.push('never'), 5);
    timers.clearTimeout(cleared);
    const again = timers.setInterval(() => calls.push('again'), 4);
    await sleep(9);
    timers.clearInterval(again);
    await sleep(30);
    assert.deepEqual(calls, ['again', 'again', 'early', 'late']);
    assert.equal(clock.now - begun, 39 * MS);
    timers.setImmediate(() => calls.push('now'));
    await sleep(0);
    assert.equal(calls.at(-1), 'now');
    await refused(() => timers.setTimeout('code', 1), 'a function, not `code`');
  });

  test('what they throw is an error that nobody waits for', async () => {
    timers.setTimeout(() => { throw new Error('thrown'); }, 1);
    timers.setTimeout(async () => { throw new Error('rejected'); }, 2);
    await sleep(3);
    assert.deepEqual(faults.map(({ message }) => message), ['thrown', 'rejected']);
  });
});

describe('aborting', () => {
  test('a controller aborts its signal once', () => {
    const controller = new AbortController();
    const seen = [];
    controller.signal.onabort = (event) => seen.push(event.type);
    controller.signal.addEventListener('abort', { handleEvent: () => seen.push('object') }, { once: true });
    const removed = () => seen.push('removed');
    controller.signal.addEventListener('abort', removed);
    controller.signal.removeEventListener('abort', removed);
    controller.signal.throwIfAborted();
    controller.abort();
    controller.abort('again');
    assert.deepEqual(seen, ['abort', 'object']);
    assert.deepEqual([controller.signal.aborted, controller.signal.reason.name], [true, 'AbortError']);
    assert.throws(() => controller.signal.throwIfAborted(), { name: 'AbortError' });
  });

  test('a signal aborts when the time is over, or when another does', async () => {
    const timeout = AbortSignal.timeout(50);
    const any = AbortSignal.any([timeout, new AbortController().signal]);
    await sleep(49);
    assert.ok(!any.aborted);
    await sleep(2);
    assert.deepEqual([timeout.reason.name, any.reason], ['TimeoutError', timeout.reason]);
    assert.equal(AbortSignal.abort('why').reason, 'why');
    assert.ok(AbortSignal.any([AbortSignal.abort()]).aborted);
  });

  test('what a listener throws is an error that nobody waits for', () => {
    const controller = new AbortController();
    controller.signal.addEventListener('abort', () => { throw new Error('listener'); });
    controller.abort();
    assert.deepEqual(faults.map(({ message }) => message), ['listener']);
    fault('other');
    assert.equal(faults.length, 2);
  });
});

test('randomness is that of the host', () => {
  const crypto = new Crypto();
  const words = crypto.getRandomValues(new Uint32Array(4));
  assert.ok(words.some((word) => word > 0));
  assert.notDeepEqual(crypto.getRandomValues(new Uint32Array(4)), words);
  assert.match(crypto.randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.throws(() => crypto.getRandomValues(new Float32Array(1)), { name: 'TypeMismatchError' });
  assert.throws(() => crypto.getRandomValues(new Uint8Array(65537)), { name: 'QuotaExceededError' });
  const numbers = Array.from({ length: 4000 }, random);
  assert.ok(numbers.every((number) => number >= 0 && number < 1));
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  assert.ok(Math.abs(mean - 0.5) < 0.03, `${mean}`);
  assert.equal(new Set(numbers).size, numbers.length);
});

describe('fetch', () => {
  test('a request goes out as it was said, and the response comes whole', async () => {
    const seen = [];
    servers.set('https://a.example', (request) => {
      seen.push(request);
      return { status: 201, headers: { 'Content-Type': 'text/plain', 'x-one': 'é' }, body: 'fresh bread 🍞' };
    });
    const begun = clock.now;
    const response = await fetch('https://a.example/bread?x=1#part', {
      method: 'post', headers: { Accept: 'text/plain', 'X-A': '1' }, body: new URLSearchParams({ q: 'a b' }),
    });
    assert.ok(clock.now - begun >= 10 * MS);
    const [{ method, scheme, authority, path, headers, body, isFinished }] = seen;
    assert.deepEqual([method, scheme, authority, path, body, isFinished], ['POST', 'https', 'a.example', '/bread?x=1', 'q=a+b', true]);
    assert.deepEqual(headers, [['accept', 'text/plain'], ['x-a', '1'], ['content-type', 'application/x-www-form-urlencoded;charset=UTF-8']]);
    assert.deepEqual([response.status, response.ok, response.url, response.headers.get('content-type')], [201, true, 'https://a.example/bread?x=1#part', 'text/plain']);
    assert.equal(await response.clone().text(), 'fresh bread 🍞');
    assert.equal((await response.bytes()).length, 16);
    assert.ok(response.bodyUsed);
    await assert.rejects(response.text(), /has been read already/);
  });

  test('several are under way at once', async () => {
    servers.set('http://b.example', () => ({ body: '[1]' }));
    network.most = 0;
    const all = await Promise.all([1, 2, 3].map(async () => (await fetch('http://b.example/')).json()));
    assert.deepEqual([all, network.most], [[[1], [1], [1]], 3]);
  });

  test('why there is no response is said', async () => {
    servers.set('https://down.example', () => 'connection-refused');
    for (const [url, why] of [
      ['https://forbidden.example/', /^GET https:\/\/forbidden.example\/: the host is not among those that `\[permissions\]`/],
      ['https://none.example/', /the host cannot be found/],
      ['https://down.example/', /the server refused the connection/],
      ['ftp://a.example/', /neither `http` nor `https`/],
      ['https://user:secret@a.example/', /names and passwords belong in a header/],
    ]) {
      await assert.rejects(fetch(url), (error) => error instanceof TypeError && why.test(error.message));
    }
    await assert.rejects(fetch('https://a.example/', { headers: { host: 'x' } }), /the header `host` cannot be sent/);
    await assert.rejects(fetch('https://a.example/', { method: 'A B' }), /characters that cannot be sent/);
    await assert.rejects(fetch('https://a.example/', { body: 'x' }), /`GET` has no body/);
  });

  test('a signal ends the wait', async () => {
    await assert.rejects(fetch('https://a.example/', { signal: AbortSignal.timeout(3) }), { name: 'TimeoutError' });
    await assert.rejects(fetch('https://a.example/', { signal: AbortSignal.abort('no') }), (why) => why === 'no');
  });

  test('the short way has JSON in and an error for a status of failure', async () => {
    servers.set('https://c.example', ({ body, headers }) => ({ body: JSON.stringify([headers, JSON.parse(body)]) }));
    const response = await http.success(await http.post('https://c.example/', { json: { loaves: 2 } }));
    assert.deepEqual(await response.json(), [[['content-type', 'application/json']], { loaves: 2 }]);
    servers.set('https://c.example', () => ({ status: 404, body: 'no such bread' }));
    await refused(async () => http.success(await http.get('https://c.example/')), 'status 404: no such bread');
    await assert.rejects(http.put('https://c.example/', { body: 'x', timeout: 1 }), { name: 'TimeoutError' });
  });

  test('headers are names and values, without case', () => {
    const headers = new Headers([['B', '2'], ['a', '1'], ['A', ' 3 ']]);
    headers.append('set-cookie', 'x');
    headers.append('set-cookie', 'y');
    assert.deepEqual([...headers], [['a', '1, 3'], ['b', '2'], ['set-cookie', 'x'], ['set-cookie', 'y']]);
    headers.delete('A');
    headers.set('B', '9');
    assert.deepEqual([headers.has('a'), headers.get('b'), headers.get('c'), headers.getSetCookie()], [false, '9', null, ['x', 'y']]);
    assert.deepEqual([[...headers.keys()].length, [...new Headers(headers).values()][0]], [3, '9']);
    assert.throws(() => headers.set('a b', '1'), TypeError);
    assert.throws(() => headers.set('a', 'x\ny'), TypeError);
  });

  test('forms and blobs are bodies', async () => {
    const form = new FormData();
    form.append('a', 'one\ntwo');
    form.append('a', 'three');
    form.set('f"', new Blob(['bread'], { type: 'text/Plain' }), 'b.txt');
    form.set('a', 'four');
    assert.deepEqual([form.getAll('a'), form.get('f"').name, form.has('x'), [...form.keys()]], [['four'], 'b.txt', false, ['a', 'f"']]);
    const request = new Request('https://a.example', { method: 'POST', body: form });
    const [, boundary] = /^multipart\/form-data; boundary=(.+)$/.exec(request.headers.get('content-type'));
    const lines = [
      `--${boundary}`, 'content-disposition: form-data; name="a"', '', 'four',
      `--${boundary}`, 'content-disposition: form-data; name="f%22"; filename="b.txt"', 'content-type: text/plain', '', 'bread',
      `--${boundary}--`, '',
    ];
    assert.equal(await request.text(), lines.join('\r\n'));
    const blob = await new Response(new Blob([Uint8Array.of(65), 'B', new Blob(['C'])], { type: 'x/y' })).blob();
    assert.deepEqual([blob.type, blob.size, await blob.text(), await blob.slice(1, -1).text()], ['x/y', 3, 'ABC', 'B']);
    const file = new File(['x'], 'n', { lastModified: 5 });
    assert.deepEqual([file.name, file.lastModified, (await file.arrayBuffer()).byteLength, file instanceof Blob], ['n', 5, 1, true]);
  });

  test('requests and responses are made of what they are made of', async () => {
    const request = new Request('https://a.example', { method: 'PUT', body: Uint8Array.of(1) });
    assert.deepEqual([request.url, request.clone().method, (await request.arrayBuffer()).byteLength], ['https://a.example/', 'PUT', 1]);
    const response = Response.json({ a: 1 }, { status: 202 });
    assert.deepEqual([response.headers.get('content-type'), await response.json(), response.status], ['application/json', { a: 1 }, 202]);
    assert.throws(() => new Response('x', { status: 204 }), /has no body/);
    assert.throws(() => new Response('x', { status: 7 }), RangeError);
    assert.equal(new Response(null, { status: 404 }).ok, false);
  });
});

describe('files', () => {
  test('a file is written, read, appended to, renamed and removed', async () => {
    await fs.writeFile('/scratch/a.txt', 'bread 🍞 ');
    await fs.appendFile('/scratch/a.txt', 'and more');
    assert.equal(await fs.readFile('/scratch/a.txt', 'utf8'), 'bread 🍞 and more');
    assert.equal((await fs.readFile('/scratch/./x/../a.txt')).length, 19);
    const stats = await fs.stat('/scratch/a.txt');
    assert.deepEqual([stats.size, stats.isFile(), stats.isDirectory(), stats.mtimeMs], [19, true, false, 2005]);
    await fs.copyFile('/scratch/a.txt', '/scratch/b.txt');
    await fs.rename('/scratch/b.txt', '/scratch/c.txt');
    assert.deepEqual(await fs.readdir('/scratch'), ['a.txt', 'c.txt']);
    await fs.unlink('/scratch/c.txt');
    await fs.writeFile('/scratch/a.txt', Uint8Array.of(1, 2, 3));
    assert.deepEqual([...(await fs.readFile('/scratch/a.txt'))], [1, 2, 3]);
    await assert.rejects(fs.writeFile('/scratch/a.txt', 'x', { flag: 'wx' }), { code: 'EEXIST' });
  });

  test('folders are made and removed with all in them', async () => {
    await fs.mkdir('/scratch/x/y', { recursive: true });
    await fs.mkdir('/scratch/x/y', { recursive: true });
    await fs.writeFile('/scratch/x/y/z', 'z');
    const [entry] = await fs.readdir('/scratch/x', { withFileTypes: true });
    assert.deepEqual([entry.name, entry.isDirectory(), entry.isFile()], ['y', true, false]);
    await assert.rejects(fs.mkdir('/scratch/x'), { code: 'EEXIST' });
    await assert.rejects(fs.rmdir('/scratch/x'), { code: 'ENOTEMPTY' });
    await assert.rejects(fs.rm('/scratch/x'), { code: 'EISDIR' });
    await fs.rm('/scratch/x', { recursive: true });
    assert.ok(!scratch.has('x'));
    await fs.rm('/scratch/x', { force: true });
  });

  test('what is not there, or not below /scratch, is an error as in Node.js', async () => {
    await assert.rejects(fs.readFile('/scratch/none'), { code: 'ENOENT', message: "ENOENT: no such file or directory, open '/scratch/none'" });
    await assert.rejects(fs.readFile('/etc/passwd'), { code: 'EPERM', message: /the files below `\/scratch`/ });
    await assert.rejects(fs.readFile('/scratch/../etc/passwd'), { code: 'EPERM' });
    await assert.rejects(fs.access('/scratch/none'), { code: 'ENOENT' });
    await assert.rejects(fs.mkdir('/scratch/a.txt/b', { recursive: true }), (error) => error.code !== undefined);
    await refused(() => fs.readFile(3), 'a path is text');
    assert.equal(typeof fs.default.readFile, 'function');
  });
});

test('waits over pollables overlap, and end in their order', async () => {
  const begun = clock.now;
  const order = [];
  await Promise.all([30, 10, 20].map(async (delay) => {
    await pollables.sleep(delay);
    order.push(delay);
  }));
  assert.deepEqual([order, clock.now - begun], [[10, 20, 30], 30]);
});
