import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Draw, END, VOCABULARY, clock, context, model, outside, refused, sdk, sequence, tokenOf } from './support.mjs';

const {
  Context, Distribution, Embedding, Entropy, EventDecoder, Grammar, GrammarConstraint, Matcher, Probe, Sampler, anyJson, brle, ebnf, grammar, jsonSchema, regex,
} = await sdk('index.js');
const { Progress } = await sdk('progress.js');
const { checkDrafts, heldDrafts, verify } = await sdk('speculation.js');

const PASS = 10;

async function tokens(ctx, { sampler = Sampler.argmax(), ...options } = {}) {
  return [...(await ctx.generate(sampler, options).collectTokens())];
}

async function steps(generator) {
  const generated = [];
  for await (const step of generator) generated.push(...(await step.execute()).tokens);
  return generated;
}

/** Drafts what it is told to, at the right positions, and keeps the record that a speculator can rely on. */
class Script {
  // Drafts of this step; none where it was not asked for any.
  #open = undefined;

  constructor(ctx, drafts) {
    this.drafts = drafts.map((draft) => [...draft]);
    this.length = sequence(ctx).length;
  }

  draft() {
    const drafts = this.drafts.shift() ?? [];
    this.#open = drafts.length;
    return [Uint32Array.from(drafts), Uint32Array.from(drafts, (_, index) => this.length + index)];
  }

  accept(accepted) {
    // Without drafts, a constraint may have forced any number.
    assert.ok(this.#open === undefined || accepted.length <= this.#open + 1, `${accepted} behind ${this.#open} drafts`);
    this.length += accepted.length;
    this.#open = undefined;
  }

  rollback(n) {
    if (this.#open !== undefined) this.#open -= n;
  }

  reset() {}
}

/** Allows the tokens of some letters at even places, and of others at odd ones. Records what it was told. */
class Letters {
  told = [];

  constructor(even, odd = even) {
    this.masks = [even, odd].map((letters) => brle.fromIndices(Array.from(letters, tokenOf), VOCABULARY));
  }

  step(accepted) {
    this.told.push(...accepted);
    return this.masks[this.told.length % 2];
  }
}

/** Forces the tokens of a text one by one where its letters are capitals; of the others, allows one or the next. */
class Spelled {
  at = 0;

  constructor(text) {
    this.masks = Array.from(text, (letter) => {
      const token = tokenOf(letter);
      return brle.fromIndices(letter < 'a' ? [token] : [token, (token + 1) % 60], VOCABULARY);
    });
  }

  step(accepted) {
    this.at += accepted.length;
    return this.masks[this.at] ?? Uint32Array.of(END, 1);
  }
}

describe('a generation', () => {
  test('accepted tokens are part of the context', async () => {
    const ctx = context('abc');
    const before = sequence(ctx);
    const generated = await tokens(ctx, { maxTokens: 9 });
    assert.ok(generated.length > 0);
    assert.deepEqual(sequence(ctx), [...before, ...generated]);
  });

  test('a generation can be continued', async () => {
    const whole = await tokens(context('abc'), { maxTokens: 10 });
    const ctx = context('abc');
    const head = await tokens(ctx, { maxTokens: 4 });
    const tail = await tokens(ctx, { maxTokens: 6, autoFlush: false, stop: [END] });
    assert.deepEqual([...head, ...tail], whole);
  });

  test('the text is that of the tokens', async () => {
    const generated = await tokens(context('abc'));
    assert.equal(await context('abc').generate(Sampler.argmax()).collectText(), model.tokenizer().decode(generated));
  });

  test('it cues the model unless told not to', async () => {
    const ctx = new Context(model).user('abc');
    const [cued, plain] = [ctx.fork(), ctx.fork()];
    assert.deepEqual(await tokens(cued, { maxTokens: 3 }), await tokens(context('abc'), { maxTokens: 3 }));
    plain.generate(Sampler.argmax(), { autoFlush: false });
    assert.deepEqual(plain.buffer(), ctx.buffer());
  });

  test('a stop token ends it and is left to the caller', async () => {
    const ctx = context('abc');
    const g = ctx.generate(Sampler.argmax());
    const generated = await steps(g);
    assert.ok(g.isDone && generated.length > 0);
    assert.deepEqual([g.stoppedBy, g.tokensGenerated], [END, generated.length]);
    assert.ok(!ctx.buffer().includes(END));
  });

  test('stop replaces the set and addStop appends', async () => {
    const whole = await tokens(context('abc'));
    for (const cut of [
      await tokens(context('abc'), { stop: [whole[2]] }),
      [...(await context('abc').generate(Sampler.argmax()).stop([whole[2]]).collectTokens())],
      [...(await context('abc').generate(Sampler.argmax()).addStop(new Set([whole[2]])).collectTokens())],
    ]) {
      assert.deepEqual(cut, whole.slice(0, whole.indexOf(whole[2])));
    }
    const past = await tokens(context('abc'), { stop: [], maxTokens: whole.length + 1 });
    assert.deepEqual(past, [...whole, END]);
    const raw = await tokens(context('abc'), { autoFlush: false, maxTokens: whole.length + 1 });
    assert.deepEqual(raw, past, 'without cue there are no stop tokens by default');
  });

  test('a limit of zero runs no pass', async () => {
    const ctx = context('abc');
    assert.deepEqual(await tokens(ctx, { maxTokens: 0 }), []);
    assert.equal(ctx.seqLen, 0);
  });

  test('without any token there is nothing to predict from', () =>
    refused(() => tokens(new Context(model), { autoFlush: false }), 'call `cue`'));

  test('a sampler that does not choose is refused', () =>
    refused(() => context('abc').generate(Sampler.embedding()), '`embedding` chooses no token'));

  test('a flushed context generates what a buffered one does', async () => {
    for (const prompt of ['', 'abc', 'abcd', 'abcdefghijk']) {
      for (const maxTokens of [1, 5, 11]) {
        const expected = await tokens(context(prompt), { maxTokens });
        const ctx = context(prompt);
        await ctx.flush();
        assert.deepEqual(await tokens(ctx, { maxTokens, autoFlush: false, stop: [END] }), expected);
        assert.deepEqual(sequence(ctx), [...sequence(context(prompt)), ...expected]);
      }
    }
  });

  test('a step that nobody waits for leaves a context that goes on', async () => {
    const expected = await tokens(context('abc'), { maxTokens: 5 });
    for (const isFlushed of [false, true]) {
      const ctx = context('abc');
      if (isFlushed) await ctx.flush();
      const length = sequence(ctx).length;
      const { value } = await ctx.generate(Sampler.argmax(), { autoFlush: false })[Symbol.asyncIterator]().next();
      // Its pass is under way; what it would have accepted is not.
      void value.execute();
      assert.deepEqual([ctx.seqLen, sequence(ctx.fork()).length], [length, length]);
      const fork = ctx.fork();
      assert.deepEqual(await tokens(fork, { maxTokens: 5, autoFlush: false, stop: [END] }), expected, `${isFlushed}`);
    }
  });

  test('passes of several overlap', async () => {
    const start = clock.now;
    await Promise.all(['a', 'b', 'c', 'd'].map((prompt) => tokens(context(prompt), { maxTokens: 5, stop: [] })));
    assert.equal(clock.now - start, 5 * PASS);
  });

  test('what are no options of the right kind is refused in words', async () => {
    const ctx = context('abc');
    await refused(() => ctx.generate(Sampler.argmax(), { maxTokens: -1 }), '`maxTokens`', '`-1`');
    await refused(() => ctx.generate(Sampler.argmax(), { maxTokens: 1.5 }), '`1.5`');
    await refused(() => ctx.generate(Sampler.argmax(), { stop: ['a'] }), 'stop tokens', '`a`');
    await refused(() => ctx.append('abc'), 'encode it');
    await refused(() => ctx.append([1, NaN]), '`NaN`', 'index 1');
    await refused(() => ctx.append(3), 'not `3`');
    await refused(() => ctx.user(undefined), 'a message is text, not undefined');
    await refused(() => Sampler.topK(0.5, 2 ** 40), '`k`');
    await refused(() => Sampler.topP('0.5', 0.1), '`temperature` is a number');
  });
});

describe('constraints', () => {
  test('constraints restrict every token', async () => {
    const generated = await tokens(context('abc'), { maxTokens: 12, constrain: new Letters('abc') });
    assert.equal(generated.length, 12);
    assert.ok(generated.every((token) => Array.from('abc', tokenOf).includes(token)));
  });

  test('constraints that allow nothing together are an error that names them', () =>
    refused(
      () => tokens(context('abc'), { constrain: [regex('ab'), new Letters('cd')] }),
      'no token', 'the grammar `ab`', '`Letters`',
    ));

  test('a mask of another length is an error that names its constraint', async () => {
    const logitMask = [2, 3];
    await refused(
      () => tokens(context('abc'), { constrain: regex('ab'), logitMask }),
      '`logitMask` covers 5 tokens, where others cover 64',
    );
    await refused(() => tokens(context('abc'), { logitMask }), 'does not cover the vocabulary', '`logitMask`');
  });

  test('a static mask holds at every step', async () => {
    const logitMask = brle.fromIndices([tokenOf('q'), tokenOf('r')], VOCABULARY);
    const generated = await tokens(context('abc'), { maxTokens: 6, logitMask });
    assert.ok(generated.every((token) => [tokenOf('q'), tokenOf('r')].includes(token)));
  });

  test('whatever describes texts can constrain', async () => {
    const own = { buildConstraint: (its) => GrammarConstraint.fromRegex('ab', its) };
    const compiled = Grammar.fromRegex('ab');
    const all = [own, regex('ab'), regex(/ab/), compiled, grammar(compiled), new Matcher(compiled, model.tokenizer()), ebnf('start: "ab"')];
    for (const constrain of all) {
      const generated = await tokens(context('abc'), { maxTokens: 4, constrain });
      assert.ok(generated.every((token) => [tokenOf('a'), tokenOf('b')].includes(token)));
    }
    await refused(() => tokens(context('abc'), { constrain: 3 }), '`3` is no constraint');
    await refused(() => tokens(context('abc'), { constrain: {} }), 'an object is no constraint');
    await refused(() => context('abc').generate(Sampler.argmax()).constrain(regex('(')), 'open parenthesis');
  });

  test('a mask that is none is refused in words', () =>
    refused(() => tokens(context('abc'), { constrain: { step: () => [1, -2] } }), 'the runs of a mask', '`-2`'));

  test('a token accepted by hand takes the place of the sampled one', async () => {
    const ctx = context('abc');
    const letters = new Letters('abcdefg');
    const g = ctx.generate(Sampler.argmax(), { maxTokens: 3, constrain: letters });
    const own = tokenOf('g');
    for await (const step of g) {
      assert.equal((await step.execute()).tokens.length, 1);
      assert.deepEqual([...g.accept([own])], [own]);
    }
    assert.equal(g.tokensGenerated, 3);
    assert.deepEqual(letters.told, [own, own], 'constraints hear of the replacement only');
    assert.deepEqual(sequence(ctx).slice(-3), [own, own, own]);
  });

  test('text that leaves the grammar allows nothing and comes back', async () => {
    const constraint = GrammarConstraint.fromRegex('ab', model);
    const step = (...letters) => constraint.step(Uint32Array.from(letters, tokenOf));
    const inside = step();
    assert.ok(!brle.allowsAny(step('z')));
    assert.match(constraint.describe(), /has left/);
    step('a');
    constraint.rollBack(2);
    assert.deepEqual(step('a'), inside);
    assert.deepEqual(constraint.fork(model).step(Uint32Array.of(tokenOf('b'))), inside);
    await refused(() => constraint.rollBack(2), 'only 1 were accepted');
  });
});

describe('forced tokens', () => {
  test('forced tokens take no pass and change nothing', async () => {
    for (const [text, maxTokens, most] of [['aBC', 99, 3], ['abc', 99, 4], ['aBCDEf', 4, 1], ['aBCDEf', 99, 3]]) {
      const reference = context('abc');
      const slow = reference.generate(Sampler.argmax(), { maxTokens, constrain: new Spelled(text) });
      // A step that reads something has its pass.
      const entropy = slow.probeEachStep(0, Entropy());
      const expected = [];
      for await (const step of slow) {
        const out = await step.execute();
        assert.equal(out.entropy(entropy), 0.5);
        expected.push(...out.tokens);
      }
      const ctx = context('abc');
      const fast = ctx.generate(Sampler.argmax(), { maxTokens, constrain: new Spelled(text) });
      const start = clock.now;
      assert.deepEqual([await steps(fast), fast.stoppedBy], [expected, slow.stoppedBy], text);
      assert.ok((clock.now - start) / PASS <= most, text);
      assert.deepEqual(sequence(ctx), sequence(reference), text);
      assert.deepEqual(await tokens(ctx, { maxTokens: 4 }), await tokens(reference, { maxTokens: 4 }));
    }
  });

  test('forced tokens need something to stand behind', () =>
    refused(() => tokens(new Context(model), { autoFlush: false, constrain: regex('a') }), 'call `cue`'));
});

describe('a step', () => {
  test('own sampling from a probe gives what the sampler would have chosen', async () => {
    const expected = await tokens(context('abc'), { maxTokens: 6 });
    const g = context('abc').generate(Sampler.topP(1, 0.5), { maxTokens: 6 });
    const entropy = g.probeEachStep(0, Entropy());
    const chosen = [];
    for await (const step of g) {
      const probe = step.clearSampler().probe(0, Distribution(1, 0));
      const out = await step.execute();
      assert.deepEqual([out.tokens.length, out.autoSampler, out.entropy(entropy)], [0, undefined, 0.5]);
      chosen.push(out.distribution(probe)[0][0]);
      g.accept(chosen.slice(-1));
    }
    assert.deepEqual(chosen, expected);
  });

  test('a step without sampler needs a token from the caller', () =>
    refused(async () => {
      for await (const step of context('abc').generate(Sampler.argmax())) await step.clearSampler().execute();
    }, 'call `accept`'));

  test('an index past the step is an error', async () => {
    const ctx = context('abc');
    await refused(async () => {
      for await (const step of ctx.generate(Sampler.argmax())) {
        step.probe(1, Entropy());
        await step.execute();
      }
    }, 'index 1 is past');
    assert.equal(ctx.seqLen, 0);
  });

  test('a step that is not executed changes nothing', async () => {
    const g = context('abc').generate(Sampler.argmax(), { maxTokens: 3 });
    await g[Symbol.asyncIterator]().next();
    assert.deepEqual([...(await g.collectTokens())], await tokens(context('abc'), { maxTokens: 3 }));
  });

  test('steps come one by one, too', async () => {
    const g = context('abc').generate(Sampler.argmax(), { maxTokens: 3 });
    const generated = [];
    for (let step = g.next(); step !== undefined; step = g.next()) generated.push(...(await step.execute()).tokens);
    assert.deepEqual(generated, await tokens(context('abc'), { maxTokens: 3 }));
    assert.equal(g.next(), undefined);
  });

  test('another sampler of a step is read by its handle', async () => {
    for await (const step of context('abc').generate(Sampler.argmax(), { maxTokens: 1 })) {
      const handle = step.sample([0], Sampler.argmax());
      const out = await step.execute();
      assert.deepEqual([...out.tokens], [out.token(handle)]);
      assert.equal(out.token(out.autoSampler), out.token(handle));
    }
  });

  test('probes are what their functions make', () => {
    assert.ok(Embedding() instanceof Probe);
    assert.equal(Distribution(1, 5).kind, 'dist');
  });
});

describe('events', () => {
  const events = async (generator, options) => {
    const all = [];
    for await (const event of generator.events(options)) all.push(event);
    return all;
  };

  test('text comes as it is there, and the whole of it at the end', async () => {
    const whole = await context('abc').generate(Sampler.argmax()).collectText();
    for (const options of [{}, { maxTokens: 3 }]) {
      const all = await events(context('abc').generate(Sampler.argmax(), options));
      const done = all.pop();
      assert.ok(all.every(({ type }) => type === 'text'));
      assert.deepEqual(done, { type: 'done', text: all.map(({ text }) => text).join('') });
      assert.ok(whole.startsWith(done.text) && (options.maxTokens ?? whole.length) === done.text.length);
    }
  });

  test('thoughts and calls are apart from the text where asked for', () => {
    const tokens = Array.from('A[BC]^D', tokenOf);
    const found = (options) => {
      const decoder = new EventDecoder(model, options);
      return [...decoder.feed(tokens), decoder.finish()];
    };
    assert.deepEqual(found({ reasoning: true, tools: true }), [
      { type: 'text', text: 'A' },
      { type: 'thinking', text: 'B' },
      { type: 'thinking', text: 'C' },
      { type: 'thinkingDone', text: 'BC' },
      { type: 'toolCall', name: 'add', args: '{"a": 1, "b": 2}' },
      { type: 'text', text: '^' },
      { type: 'text', text: 'D' },
      { type: 'done', text: 'A^D' },
    ]);
    assert.equal(found().at(-1).text, 'A[BC]^D');
  });
});

describe('speculation', () => {
  test('two drafters are an error', () => {
    const ctx = context('abc');
    return refused(
      () => ctx.generate(Sampler.argmax(), { systemSpeculation: true, speculator: new Script(ctx, []) }),
      'exclude each other',
    );
  });

  test('drafts at wrong positions are an error', async () => {
    const ctx = context('abc');
    const script = new Script(ctx, [[1, 2]]);
    script.length += 1;
    await refused(() => tokens(ctx, { speculator: script }), 'position');
    await refused(() => checkDrafts(Uint32Array.of(5, 6), Uint32Array.of(10), 10), '2 drafts with 1 positions');
  });

  test('drafts that hold save passes', async () => {
    const expected = await tokens(context('abc'), { maxTokens: 9 });
    const ctx = context('abc');
    const script = new Script(ctx, [expected.slice(0, 4), expected.slice(5, 8)]);
    const start = clock.now;
    assert.deepEqual(await tokens(ctx, { maxTokens: 9, speculator: script }), expected);
    assert.ok((clock.now - start) / PASS < expected.length / 3 + 1);
  });

  test('drafts take no pages while pages are short', async () => {
    const expected = await tokens(context('abc'), { maxTokens: 12 });
    const pages = async (dividend) => {
      const ctx = context('abc');
      // What does not hold leaves its pages behind.
      const script = new Script(ctx, Array(12).fill(Array(80).fill(5)));
      outside.scheduling.dividend = dividend;
      assert.deepEqual(await tokens(ctx, { maxTokens: 12, speculator: script }), expected);
      outside.scheduling.dividend = 0;
      return [ctx.raw.committedPageCount() + ctx.raw.workingPageCount(), Math.ceil(ctx.seqLen / ctx.pageSize)];
    };
    const [short, needed] = await pages(1);
    assert.equal(short, needed);
    const [held, least] = await pages(0);
    assert.ok(held > least);
  });

  test('drafts never change what is generated', async () => {
    const draw = new Draw(3);
    for (let number = 0; number < 120; number += 1) {
      const prompt = draw.letters();
      const sampler = number % 2 ? Sampler.argmax() : Sampler.multinomial(0.7, draw.between(1, 3));
      const maxTokens = draw.between(1, 20);
      const [reference, ctx] = [context(prompt), context(prompt)];
      const expected = await tokens(reference, { sampler, maxTokens });
      const guesses = Array.from({ length: draw.below(12) }, () => draw.tokens(4));
      // A true beginning makes some drafts hold, past the stop and the limit too.
      const script = new Script(ctx, [[...expected.slice(0, draw.below(20)), END, 5], ...guesses]);
      assert.deepEqual(await tokens(ctx, { sampler, maxTokens, speculator: script }), expected);
      assert.deepEqual(sequence(ctx), sequence(reference), 'the context holds exactly what was accepted');
    }
  });

  test("the engine's drafts never change what is generated", async () => {
    const draw = new Draw(4);
    for (let number = 0; number < 60; number += 1) {
      const prompt = draw.letters();
      const maxTokens = draw.between(1, 30);
      const expected = await tokens(context(prompt), { maxTokens });
      const start = clock.now;
      assert.deepEqual(await tokens(context(prompt), { maxTokens, systemSpeculation: true }), expected);
      if (expected.length > 6) assert.ok((clock.now - start) / PASS < expected.length);
    }
  });

  test('constraints hold under speculation', async () => {
    const draw = new Draw(5);
    for (let number = 0; number < 80; number += 1) {
      const [prompt, even, odd] = [draw.letters(), draw.letters(), draw.letters()];
      const maxTokens = draw.between(1, 16);
      const seed = draw.below(3);
      const sampler = seed > 0 ? Sampler.multinomial(0.7, seed) : Sampler.argmax();
      const [reference, ctx] = [context(prompt), context(prompt)];
      const expected = await tokens(reference, { sampler, maxTokens, constrain: new Letters(even, odd) });
      const guesses = Array.from({ length: draw.below(12) }, () => draw.tokens(4));
      const speculator = new Script(ctx, [expected.slice(0, draw.below(16)), ...guesses]);
      const generated = await tokens(ctx, { sampler, maxTokens, constrain: new Letters(even, odd), speculator });
      assert.deepEqual(generated, expected);
      assert.deepEqual(sequence(ctx), sequence(reference));
    }
  });

  test('verification ends where a constraint forbids', () => {
    const only = (token) => Uint32Array.of(token, 1, 9 - token);
    const moved = [];
    const advance = (token) => {
      moved.push(token);
      return { alive: true, mask: only(5) };
    };
    const [drafts, chosen] = [Uint32Array.of(1, 2), Uint32Array.of(1, 2, 3)];
    assert.deepEqual(verify(drafts, chosen, only(1), advance), { accepted: 1, held: 2, moved: true, nextMask: only(5) });
    assert.deepEqual(moved, [1]);
    const dead = verify(drafts, chosen, undefined, () => ({ alive: false }));
    assert.deepEqual(dead, { accepted: 1, held: 2, moved: true });
    assert.equal(heldDrafts(Uint32Array.of(1, 2, 3), Uint32Array.of(1, 9, 3, 4)), 1);
  });
});

test('bids follow the horizon and an override holds for one step', async () => {
  const ctx = context('abc');
  ctx.setBid(2.5);
  await tokens(ctx, { maxTokens: 3, horizon: 16 });
  const { bids } = ctx.raw.state;
  assert.deepEqual([bids.length, bids[0]], [3, 2.5]);
  assert.ok(bids[1] > 0 && bids[2] > 0);
  const silent = context('abc');
  await tokens(silent, { maxTokens: 3 });
  assert.deepEqual(silent.raw.state.bids, [], 'nobody asked for bids');
});

describe('progress', () => {
  test('batches do not matter', () => {
    const draw = new Draw(6);
    for (let number = 0; number < 300; number += 1) {
      const batch = Array.from({ length: draw.below(20) }, () => draw.below(6));
      const cut = draw.below(20);
      const limit = draw.below(13) || undefined;
      const outcome = (batches) => {
        const progress = new Progress([5], limit);
        for (const each of batches) progress.accept(each);
        return [progress.accepted, progress.stoppedBy, progress.isDone];
      };
      assert.deepEqual(outcome([batch]), outcome([batch.slice(0, cut), batch.slice(cut)]));
    }
  });

  test('at the limit a stop token makes no difference', () => {
    const progress = new Progress([9], 2);
    assert.equal(progress.accept([1, 2, 9]), 2);
    assert.deepEqual([progress.isDone, progress.stoppedBy], [true, undefined]);
    progress.restore(new Progress([9], 2).checkpoint());
    assert.deepEqual([progress.accepted, progress.isDone], [0, false]);
  });
});

describe('JSON', () => {
  const collect = (opts, maxTokens = 9) => context('abc').generate(Sampler.argmax(), { maxTokens }).collectJson(opts);

  test('JSON is collected and parsed', async () => {
    const own = { buildConstraint: (its) => GrammarConstraint.json(its) };
    for (const schema of [undefined, '{}', { type: 'array' }, anyJson(), jsonSchema('{}'), jsonSchema({}), own]) {
      assert.deepEqual(await collect(schema === undefined ? undefined : { schema }), []);
    }
    assert.equal(await collect({ parse: (value) => value.length }), 0);
    await refused(() => collect({ schema: 3 }), '`3` is no schema');
    await refused(() => collect({ schema: 'array' }), 'the schema is no JSON object: array');
  });

  test('JSON that the limit cut is an error that says so', () =>
    refused(() => collect(undefined, 1), 'the limit of 1 tokens cut the JSON short: ['));
});
