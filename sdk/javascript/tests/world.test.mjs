import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { client, clock, model, outside, refused, sdk, tokenOf } from './support.mjs';

const {
  McpError, SessionEnded, Tool, Tools, chat, launch, mcp, messaging, reasoning, runtime, session, tool, tools,
} = await sdk('index.js');
const jsons = await sdk('jsons.js');
const brle = await sdk('brle.js');

describe('the session', () => {
  test('text is sent as it is, and anything else as JSON', async () => {
    session.send('hello');
    session.send({ a: [1, 'x'], b: undefined });
    session.sendFile(Uint8Array.of(1, 2));
    assert.deepEqual(outside.sent, ['hello', '{"a":[1,"x"]}', Uint8Array.of(1, 2)]);
    await refused(() => session.send(() => 1), 'a function cannot be written as JSON');
    await refused(() => session.sendFile([1, 2]), 'a file is a `Uint8Array`');
  });

  test('printing adds nothing', () => {
    outside.printed = '';
    session.print('a');
    session.print('b\n');
    assert.equal(outside.printed, 'ab\n');
  });

  test('messages go to those who asked, in their order', async () => {
    const both = [session.receive(), session.receive()];
    client.texts.put('one');
    client.texts.put('two');
    assert.deepEqual(await Promise.all(both), ['one', 'two']);
    client.files.put(Uint8Array.of(7));
    assert.deepEqual(await session.receiveFile(), Uint8Array.of(7));
  });

  test('who gives up loses nothing', async () => {
    const controller = new AbortController();
    const given = session.receive({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(given, { message: 'enough' });
    await assert.rejects(session.receive({ signal: AbortSignal.abort('at once') }), (why) => why === 'at once');
    const next = session.receive({ signal: new AbortController().signal });
    client.texts.put('kept');
    assert.equal(await next, 'kept');

    const sub = messaging.subscribe('patience');
    const late = new AbortController();
    const missed = sub.next({ signal: late.signal });
    late.abort();
    await assert.rejects(missed, { name: 'AbortError' });
    messaging.broadcast('patience', 'a');
    messaging.broadcast('patience', 'b');
    assert.deepEqual([await sub.next(), await sub.next()], ['a', 'b']);

    const giving = new AbortController();
    const pulled = messaging.pull('parts', { signal: giving.signal });
    giving.abort();
    await assert.rejects(pulled);
    messaging.push('parts', '1');
    assert.equal(await messaging.pull('parts'), '1');
  });

  test('messages end when the client is gone', async () => {
    client.texts.put('last');
    client.texts.end();
    const all = [];
    for await (const message of session.messages()) all.push(message);
    assert.deepEqual(all, ['last']);
    await assert.rejects(session.receive(), SessionEnded);
  });
});

describe('messaging', () => {
  test('a pushed message reaches one puller', async () => {
    const pulled = messaging.pull('jobs');
    messaging.push('jobs', { part: 1 });
    assert.equal(await pulled, '{"part":1}');
    await refused(() => messaging.push(3, 'x'), 'a topic is text');
  });

  test('a broadcast reaches all who subscribe, until they do not', async () => {
    const [a, b] = [messaging.subscribe('news'), messaging.subscribe('news')];
    messaging.broadcast('news', 'first');
    assert.deepEqual([await a.next(), await b.next()], ['first', 'first']);
    const waiting = a.next();
    a.unsubscribe();
    assert.equal(await waiting, undefined);
    assert.equal(await a.next(), undefined);
    messaging.broadcast('news', 'second');
    messaging.broadcast('news', 'third');
    const all = [];
    for await (const message of b) {
      all.push(message);
      if (all.length === 2) break;
    }
    assert.deepEqual(all, ['second', 'third']);
    assert.equal(await b.next(), undefined, 'who leaves the loop has unsubscribed');
    const c = messaging.subscribe('news');
    c[Symbol.dispose]();
    assert.equal(await c.next(), undefined);
  });
});

describe('the runtime', () => {
  test('it says what it is', () => {
    assert.deepEqual(
      [runtime.models(), runtime.version(), runtime.instanceId(), runtime.username()],
      [['default'], '0.3.1', 'instance-1', 'ada'],
    );
    assert.deepEqual(runtime.environment(), { MODE: 'test' });
  });

  test('children answer, fail and are cancelled', async () => {
    const child = launch('echo', { part: [1, 2] });
    assert.equal(child.pid, 'instance-2');
    assert.deepEqual(await child.answer(), { part: [1, 2] });
    await refused(() => child.wait(), '`echo`, was taken before');
    assert.equal(await runtime.spawn('echo'), '{}');
    await refused(() => launch('broken').wait(), 'it broke');
    await refused(() => launch('nothing'), 'no `nothing` among');
    await refused(() => launch('echo', { a: 1n }), 'the input of `echo`', '`a`', 'BigInt');
    const cancelled = launch('echo');
    cancelled.cancel();
    await refused(() => cancelled.wait(), 'cancelled');
    assert.deepEqual(outside.launched.slice(0, 2), [['echo', '{"part":[1,2]}'], ['echo', '{}']]);
  });

  test('children run side by side', async () => {
    const start = clock.now;
    await Promise.all([1, 2, 3].map((part) => launch('echo', { part }).answer()));
    assert.equal(clock.now - start, 1);
  });
});

test('servers are asked with arguments as values or as text', async () => {
  assert.deepEqual(mcp.availableServers(), ['files']);
  const s = mcp.connect('files');
  assert.deepEqual(JSON.parse(s.callTool('read', { path: 'a' })), ['tools/call', 'read', '{"path":"a"}']);
  s.callTool('read', '{"path": "b"}');
  s.callTool('read');
  [s.listTools(), s.listResources(), s.readResource('file:///a'), s.listPrompts(), s.getPrompt('p', { x: 1 })].forEach(JSON.parse);
  assert.deepEqual(outside.mcp.slice(1).map((call) => call.at(-1)), ['{"path": "b"}', '{}', 'tools/list', 'resources/list', 'file:///a', 'prompts/list', '{"x":1}']);
  assert.throws(() => s.callTool('broken'), (error) => {
    assert.ok(error instanceof McpError);
    assert.deepEqual([error.code, error.data, error.message], [-32000, '{"why":1}', 'it broke (code -32000): {"why":1}']);
    return true;
  });
  assert.throws(() => mcp.connect('nobody'), { code: -32001, data: undefined });
  s[Symbol.dispose]();
});

describe('decoders', () => {
  const feed = (decoder, text) => decoder.feed(Array.from(text, tokenOf));

  test('a chat decoder says what comes, and when it is over', () => {
    const dec = new chat.Decoder(model);
    assert.deepEqual(dec.feed([]), { type: 'idle' });
    assert.deepEqual(feed(dec, 'KL'), { type: 'delta', text: 'KL' });
    assert.deepEqual(dec.feed([60]), { type: 'interrupt', token: 60 });
    assert.deepEqual(dec.feed(chat.stopTokens(model)), { type: 'done', text: 'KL' });
    dec.reset();
    assert.deepEqual(dec.feed(chat.stopTokens(model)), { type: 'done', text: '' });
  });

  test('a reasoning decoder finds the block', () => {
    const dec = new reasoning.Decoder(model);
    assert.deepEqual(
      ['k', '[', 'K', ']'].map((letter) => feed(dec, letter)),
      [{ type: 'idle' }, { type: 'start' }, { type: 'delta', text: 'K' }, { type: 'end', text: 'K' }],
    );
  });

  test('a tool decoder finds the call', () => {
    const dec = new tools.Decoder(model);
    assert.deepEqual(feed(dec, 'k'), { type: 'start' });
    assert.deepEqual(feed(dec, '^'), { type: 'call', name: 'add', args: '{"a": 1, "b": 2}' });
    assert.deepEqual(tools.parseCall(model, 'k^k'), { name: 'add', args: '{"a": 1, "b": 2}' });
    assert.equal(tools.parseCall(model, 'kk'), undefined);
  });
});

describe('tools', () => {
  const parameters = {
    type: 'object',
    properties: { b: { type: 'integer' }, a: { type: 'integer', description: 'the first' } },
    required: ['a', 'b'],
    additionalProperties: false,
  };
  const add = tool({ name: 'add', description: 'Adds.', parameters, execute: ({ a, b }) => a + b });

  test('a tool says what it is with keys in the order of the alphabet', () => {
    assert.equal(
      add.schema(),
      '{"description":"Adds.","name":"add","parameters":{"additionalProperties":false,"properties":{"a":{"description":"the first","type":"integer"},"b":{"type":"integer"}},"required":["a","b"],"type":"object"}}',
    );
    assert.equal(tool({ description: 'x', execute: async function ping() {} }).name, 'ping');
  });

  test('it is called with JSON and answers with JSON', async () => {
    assert.equal(await add.call('{"a": 1, "b": 2}'), '3');
    assert.equal(await add.execute({ a: 2, b: 2 }), 4);
    assert.equal(await tool({ name: 'now', description: 'x', execute: async () => ({ at: 1 }) }).call(''), '{"at":1}');
    await refused(() => add.call('{"a": 1}'), 'arguments of `add` do not fit: missing field `b`');
    await refused(() => add.call('{"a": 1, "b": "2"}'), '`b`: `2` is no integer');
    await refused(() => add.call('{"a": 1, "b": 2, "c": 3}'), 'unknown field `c`, expected `b` or `a`');
    await refused(() => add.call('{'), 'arguments of `add`');
    await refused(() => tool({ name: 'f', description: 'x', execute: () => 1n }).call('{}'), 'the result of `f`', 'BigInt');
  });

  test('a tool that says too little is refused', async () => {
    await refused(() => tool({ name: 'f', description: ' ', execute: () => 1 }), '`f` needs a description');
    await refused(() => tool({ description: 'x', execute: () => 1 }), 'needs a name');
    await refused(() => tool({ name: 'f', description: 'x' }), 'needs a function');
    await refused(() => tool({ name: 'f', description: 'x', parameters: '{}', execute: () => 1 }), 'not `{}`');
  });

  test('tools are called by name, and described in their order', async () => {
    const all = new Tools([add]).add(new Tool({ name: 'ping', description: 'x', execute: () => 'pong' }));
    assert.deepEqual(all.names(), ['add', 'ping']);
    assert.equal(await all.call('ping', ''), '"pong"');
    await refused(() => all.call('pong', '{}'), 'no tool `pong`; there are `add`, `ping`');
    all.add(tool({ name: 'add', description: 'y', execute: () => 0 }));
    assert.deepEqual(all.names(), ['ping', 'add']);
    assert.equal(all.schemas().length, 2);
  });

  test('the model is told of tools in any form', async () => {
    const expected = [...tools.equipPrefix(model, [add])];
    for (const schemas of [[add.schema()], [JSON.parse(add.schema())], new Tools([add]), new Set([add])]) {
      assert.deepEqual([...tools.equipPrefix(model, schemas)], expected);
    }
    await refused(() => tools.equipPrefix(model, ['{}']), 'a tool has no name');
    await refused(() => tools.equipPrefix(model, add), 'a list, not a `Tool`');
    await refused(() => tools.equipPrefix(model, '{}'), 'a list');
    assert.deepEqual(tools.answerPrefix(model, 'f', { a: 1 }), tools.answerPrefix(model, 'f', '{"a":1}'));
  });

  test('calls have a grammar where the model has a format', () => {
    const matcher = tools.nativeMatcher(model, [add]);
    matcher.acceptTokens([tokenOf('^')]);
    assert.equal(matcher.isTerminated(), false);
    assert.equal(tools.nativeMatcher(model, []), undefined);
  });
});

describe('JSON', () => {
  test('what JSON has is written as JavaScript writes it', () => {
    const value = { a: [1, 'x', null, undefined], b: undefined, c: { d: true }, e: new Date(0), f: Uint32Array.of(1, 2), g: new String('s') };
    assert.equal(jsons.stringify(value), '{"a":[1,"x",null,null],"c":{"d":true},"e":"1970-01-01T00:00:00.000Z","f":[1,2],"g":"s"}');
    assert.equal(jsons.stringify(undefined), 'null');
    assert.equal(jsons.stringify(JSON.parse('{"__proto__":{"a":1}}')), '{"__proto__":{"a":1}}');
    assert.equal(jsons.sorted({ b: [{ d: 1, c: 2 }], a: 1 }), '{"a":1,"b":[{"c":2,"d":1}]}');
  });

  test('what it has not is an error that says where', async () => {
    const loop = { name: 'x', inner: [{}] };
    loop.inner[0].back = loop;
    for (const [value, ...parts] of [
      [loop, '`inner[0].back`: a value that contains itself'],
      [{ a: { b: 1n } }, '`a.b`: the BigInt `1`', 'Number('],
      [[1, NaN], '`[1]`: `NaN`'],
      [{ a: new Map() }, '`a`: a `Map`', 'Object.fromEntries'],
      [new Set(), 'a `Set`'],
      [{ f() {} }, '`f`: a function'],
      [{ p: Promise.resolve(1) }, '`p`: a promise (is an `await` missing?)'],
      [{ s: Symbol('x') }, '`s`: a symbol'],
      [{ toJSON: () => 1n }, 'BigInt'],
    ]) {
      await refused(() => jsons.stringify(value), ...parts);
    }
  });

  test('the same value twice is no circle', () => {
    const shared = { x: 1 };
    assert.equal(jsons.stringify([shared, shared, { shared }]), '[{"x":1},{"x":1},{"shared":{"x":1}}]');
  });
});

describe('masks', () => {
  test('ranges are put together, whatever their order and overlap', () => {
    assert.deepEqual([...brle.fromRanges([[5, 6], [0, 2]], 8)], [0, 2, 3, 1, 2]);
    assert.deepEqual([...brle.fromRanges([[1, 4], [2, 9], [4, 4]], 6)], [1, 5]);
    assert.deepEqual([...brle.fromIndices([3, 1, 3], 5)], [1, 1, 1, 1, 1]);
    assert.deepEqual([...brle.fromRanges([], 3)], [3]);
  });

  test('both is where each is', () => {
    assert.deepEqual([...brle.and([1, 3, 4], [2, 6])], [2, 2, 4]);
    assert.deepEqual([...brle.and([0, 2], [0, 4])], [0, 2, 2]);
    const bits = (mask) => Array.from({ length: brle.length(mask) }, (_, index) => brle.allows(mask, index));
    for (let a = 0; a < 32; a += 1) {
      for (let b = 0; b < 32; b += 1) {
        const one = (n) => brle.fromIndices([0, 1, 2, 3, 4].filter((index) => n & (1 << index)), 5);
        assert.deepEqual(bits(brle.and(one(a), one(b))), bits(one(a & b)));
      }
    }
  });

  test('the only one is found where there is one', () => {
    assert.equal(brle.only([3, 1, 4]), 3);
    assert.equal(brle.only([3, 1, 2, 1]), undefined);
    assert.equal(brle.only([3, 2]), undefined);
    assert.equal(brle.only([0, 0, 3, 1]), 3);
    assert.ok(brle.allowsAny([0, 0, 3, 1]));
    assert.ok(!brle.allowsAny([3, 0, 1]));
    assert.ok(!brle.allows([1, 1], 9));
  });
});
