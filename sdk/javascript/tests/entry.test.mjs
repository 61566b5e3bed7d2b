import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { clock, outside, sdk } from './support.mjs';

const { start } = await sdk('entry.js');
const { makeConsole } = await sdk('globals/console.js');
const { Context, InferletError, Model, Sampler, launch } = await sdk('index.js');
const { fetch } = await sdk('globals/fetch.js');

const SCRIPT = import.meta.url;

/** A program of this file: places of it are those of `main.ts`, ten lines up. */
function program(module) {
  return {
    load: async () => (typeof module === 'function' ? module() : module),
    locate: (line, column) => (line > 10 ? { source: 'main.ts', line: line - 10, column } : undefined),
    script: SCRIPT,
  };
}

const run = (main, input = '{}') => start(program({ main }), input);

async function fails(running, ...parts) {
  let error;
  try {
    await running;
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof Error, 'nothing has failed');
  for (const part of parts) {
    assert.ok(part instanceof RegExp ? part.test(error.message) : error.message === part, `\`${error.message}\` is not \`${part}\``);
  }
  assert.ok(!error.message.includes('\n'), 'it is one line');
  assert.ok(!Object.hasOwn(error, 'payload'));
}

beforeEach(() => {
  outside.errors = '';
});

describe('a program', () => {
  test('main gets the input as an object, and what it returns is the output', async () => {
    assert.equal(await run(async (input) => ({ hello: input.name }), '{"name": "Ada"}'), '{"hello":"Ada"}');
    assert.equal(await run(async (input) => input, ''), '{}');
    assert.equal(await run(() => 'plain functions do too'), '"plain functions do too"');
    assert.equal(await run(async () => {}), 'null');
  });

  test('its top level is evaluated once, when it is run', async () => {
    let times = 0;
    const output = await start(
      program(() => {
        times += 1;
        const model = Model.load('default');
        return { main: async () => model.name };
      }),
      '{}',
    );
    assert.deepEqual([output, times], ['"default"', 1]);
    await fails(
      start(program(() => { throw new Error('not today'); }), '{}'),
      'not today',
    );
  });

  test('an input that is no JSON is an error that says so', () => fails(run(async () => 1, '{'), /^the input is no JSON: /));

  test('a program without main is told what is missing', async () => {
    await fails(start(program({ default: async () => 1 }), '{}'), 'the program exports no `main`, only a default: write `export async function main(input)`');
    await fails(start(program({}), '{}'), 'the program exports no `main`: write `export async function main(input)`');
    await fails(start(program({ run: 1, x: 2 }), '{}'), 'the program exports no `main`, only `run`, `x`: write `export async function main(input)`');
    await fails(start(program({ main: 3 }), '{}'), '`main` is `3`, not a function: write `export async function main(input)`');
    await fails(run(async (a, b) => [a, b]), '`main` takes one parameter, the input, which has all fields; this one takes 2');
  });

  test('a result that JSON cannot hold is an error with its place', async () => {
    const loop = {};
    loop.self = loop;
    await fails(run(async () => ({ a: [loop] })), 'the result of `main`: `a[0].self`: a value that contains itself cannot be written as JSON');
    await fails(run(async () => ({ n: 1n })), /^the result of `main`: `n`: the BigInt `1` cannot be written as JSON; make it a number/);
    await fails(run(async () => ({ p: Promise.resolve() })), /is an `await` missing/);
  });
});

describe('what a program throws', () => {
  test('an error that was thrown to say something says it, and its stack is printed in places of the program', async () => {
    await fails(run(async function main() { throw new Error('there is\nno bread'); }), 'there is no bread');
    assert.match(outside.errors, /^Error: there is\nno bread\n {4}at main \(main\.ts:\d+:\d+\)\n/);
    assert.ok(!outside.errors.includes('entry.js'), 'lines of the SDK are left out');
  });

  test('a mistake is its kind and the line', async () => {
    await fails(run(async (input) => input.a.b), /^`main.ts`, line \d+: TypeError: Cannot read properties/);
    await fails(run(async () => nothing), /^`main.ts`, line \d+: ReferenceError: nothing is not defined$/);
    await fails(run(async function main() { const deep = () => deep() + 1; return deep(); }), /^`main.ts`, line \d+: RangeError: Maximum call stack/);
  });

  test('a refusal of the SDK is the error, and says its line where it comes from one', async () => {
    await fails(run(async () => Model.load('x')), 'no model `x`; there is `default`');
    assert.match(outside.errors, /^InferletError: no model .*\n {4}at main\.ts:\d+:\d+/);
    outside.errors = '';
    await fails(run(async () => launch('broken').wait()), 'it broke');
    await fails(run(async () => { throw new InferletError('own'); }), 'own');
  });

  test('an error that is printed has its places too', async () => {
    outside.printed = '';
    await run(async function main() { makeConsole().log('so:', new Error('shown'), [new RangeError('inside')]); });
    assert.match(outside.printed, /^so: Error: shown\n {4}at main \(main\.ts:\d+:\d+\)/);
    assert.match(outside.printed, /RangeError: inside\n +at main \(main\.ts:/);
  });

  test('what fails in a wait says where the program called it', async () => {
    const main = async () => {
      const ctx = new Context(Model.load('default'));
      return ctx.generate(Sampler.argmax(), { autoFlush: false }).collectText();
    };
    await fails(run(main), /call `cue`/);
    assert.match(outside.errors, /^InferletError: there is no token.*\n {4}at main \(main\.ts:/);
    outside.errors = '';
    await fails(run(async () => launch('broken').answer()), 'it broke');
    assert.match(outside.errors, /^InferletError: it broke\n(?: {4}at .*\n)* {4}at main\.ts:/);
    await fails(run(async () => fetch('https://nowhere.example/')), /^`main.ts`, line \d+: TypeError: GET https:\/\/nowhere.example\/: the host cannot be found$/);
  });

  test('what is no error is shown', async () => {
    await fails(run(async () => { throw 'a text'; }), 'a text');
    await fails(run(async () => { throw { code: 3 }; }), 'the program threw { code: 3 }');
    await fails(run(async () => Promise.reject()), 'the program threw undefined');
  });

  test('several errors in one are told one by one', async () => {
    const several = () => Promise.any([Promise.reject(new Error('one')), Promise.reject(new Error('two'))]);
    await fails(run(async () => several()), /^All promises were rejected: one; two$/);
  });

  test('the cause of an error is printed too', async () => {
    await fails(run(async () => { throw new Error('outer', { cause: new Error('inner') }); }), 'outer');
    assert.match(outside.errors, /\ncaused by Error: inner\n {4}at/);
  });
});

describe('what nobody waits for', () => {
  const floating = globalThis.__inferlet_floating;

  test('a rejected promise that nobody awaits is the error of the run', async () => {
    await fails(
      run(async () => {
        floating(Promise.reject(new Error('dropped')));
        return 1;
      }),
      'dropped',
    );
    const late = async () => {
      for (let turn = 0; turn < 10; turn += 1) await undefined;
      throw new Error('late');
    };
    await fails(run(async () => { floating(late()); }), 'late');
  });

  test('it ends a run that waits for something else', async () => {
    const begun = clock.now;
    await fails(
      run(async () => {
        floating(Promise.reject(new Error('dropped')));
        await new Promise(() => {});
      }),
      'dropped',
    );
    assert.equal(clock.now, begun);
  });

  test('what is no promise, and what does not reject, is left alone', async () => {
    assert.equal(floating(3), 3);
    const kept = Promise.resolve(4);
    assert.equal(floating(kept), kept);
    assert.equal(await run(async () => { floating(new Promise(() => {})); return 2; }), '2');
  });
});

describe('what is kept', () => {
  const kept = globalThis.__inferlet_kept;
  const turns = async (count) => {
    for (let turn = 0; turn < count; turn += 1) await undefined;
  };
  const fail = async (message) => {
    await undefined;
    throw new Error(message);
  };

  test('a promise that is kept, rejects and is never asked for is the error of the run in the end', async () => {
    await fails(run(async () => { kept(fail('lost')); return 1; }), 'lost');
    const asked = [];
    await fails(
      run(async () => {
        const first = kept(fail('first'));
        kept(fail('second'));
        await turns(5);
        asked.push(await first.catch((error) => error.message));
        return 1;
      }),
      'second',
    );
    assert.deepEqual(asked, ['first']);
    assert.equal(await run(async () => 2), '2', 'what one run has lost is not in the next');
  });

  test('whoever asks for it in whatever way, however late, gets what it rejects with', async () => {
    const ways = {
      await: async (promise) => { await promise; },
      then: (promise) => promise.then(() => {}),
      finally: (promise) => promise.finally(() => {}),
      all: (promise) => Promise.all([promise]),
      race: (promise) => Promise.race([promise, new Promise(() => {})]),
      resolve: (promise) => Promise.resolve(promise),
      return: async (promise) => promise,
      'for await': async (promise) => { for await (const one of [promise]) void one; },
      thenable: (promise) => new Promise((resolve) => { resolve(promise); }),
    };
    for (const [name, way] of Object.entries(ways)) {
      for (const late of [0, 1, 10]) {
        const main = async () => {
          const promise = kept(fail(name));
          await turns(late);
          return await way(promise).then(() => 'nothing', (error) => error.message);
        };
        assert.equal(await run(main), JSON.stringify(name));
      }
    }
  });

  test('a kept promise is as it was, once somebody has asked for it', async () => {
    const promise = Promise.resolve(4);
    assert.equal(kept(promise), promise);
    assert.equal(kept(promise), promise);
    assert.equal(await promise, 4);
    assert.ok(!Object.hasOwn(promise, 'constructor') && promise.constructor === Promise && promise instanceof Promise);
    const frozen = Object.freeze(Promise.resolve(5));
    assert.equal(kept(frozen), frozen);
    for (const value of [3, 'a', undefined, null, {}, { then() {} }]) assert.equal(kept(value), value);
    assert.equal(await run(async () => { kept(new Promise(() => {})); return 2; }), '2');
  });
});

describe('a result that is no JSON', () => {
  test('is an error with the line in which main has returned, where that is known', async () => {
    const returned = () => ({ source: 'main.ts', line: 7, column: 1 });
    const main = async () => ({ loaves: [1n] });
    await fails(
      start({ ...program({ main }), returned }, '{}'),
      '`main.ts`, line 7: the result of `main`: `loaves[0]`: the BigInt `1` cannot be written as JSON; make it a number with `Number(…)`, or text with `String(…)`',
    );
    await fails(run(main), /^the result of `main`: `loaves\[0\]`/);
  });
});
