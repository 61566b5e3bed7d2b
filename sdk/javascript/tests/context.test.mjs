import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { END, VOCABULARY, context, letterOf, model, outside, passes, refused, sdk, sequence, tokenOf } from './support.mjs';

const {
  Adapter, Context, Distribution, Embedding, Entropy, Logits, Logprob, Logprobs, Model, Sampler, brle, chat, scheduling, zo,
} = await sdk('index.js');
const { sustainableBid } = await sdk('market.js');
const { Extent } = await sdk('pages.js');

describe('a context', () => {
  test('filling appends what the chat template says, and can be chained', () => {
    const ctx = new Context(model).system('s').user('u').assistant('a').cue().seal().append([5]).appendText('t');
    const expected = [
      ...chat.system(model, 's'), ...chat.user(model, 'u'), ...chat.assistant(model, 'a'), ...chat.cue(model), ...chat.seal(model),
      5, ...model.tokenizer().encode('t'),
    ];
    assert.deepEqual([...ctx.buffer()], expected);
    assert.deepEqual([...ctx.takeBuffer()], expected);
    assert.equal(ctx.buffer().length, 0);
  });

  test('a cue is not appended twice', () => {
    const ctx = context('abc');
    assert.deepEqual(ctx.cue().buffer(), context('abc').buffer());
  });

  test('flushing moves the buffer into full pages that are committed', async () => {
    const ctx = new Context(model).appendText('abcdefghij');
    await ctx.flush();
    assert.deepEqual([ctx.seqLen, ctx.buffer().length, ctx.pageSize], [10, 0, 4]);
    assert.deepEqual([ctx.raw.committedPageCount(), ctx.raw.workingPageCount()], [2, 1]);
    const before = passes.length;
    await ctx.flush();
    assert.equal(passes.length, before, 'an empty buffer needs no pass');
  });

  test('a fork has the buffer too and goes its own way', async () => {
    const ctx = new Context(model).appendText('abcde');
    await ctx.flush();
    ctx.appendText('f');
    const fork = ctx.fork().appendText('g');
    assert.deepEqual(sequence(fork).map(letterOf).join('').length, 7);
    assert.deepEqual(sequence(ctx), Array.from('abcdef', tokenOf));
  });

  test('what is saved has the buffer, and is found by its name', async () => {
    const ctx = new Context(model).appendText('abc');
    ctx.save('mine');
    assert.deepEqual([ctx.seqLen, ctx.buffer().length], [3, 0]);
    assert.equal(Context.open(model, 'mine').seqLen, 3);
    assert.equal(Context.open(model, ctx.snapshot()).seqLen, 3);
    assert.equal(Context.take(model, 'mine').seqLen, 3);
    assert.equal(Context.take(model, 'mine'), undefined);
    assert.equal(Context.open(model, 'mine'), undefined);
    ctx.save('other');
    Context.delete(model, 'other');
    await refused(() => Context.delete(model, 'other'), 'no context is saved under `other`');
    await refused(() => Context.open(model, 7), 'the name of a snapshot is text');
  });

  test('the end of a block releases it, once', async () => {
    const ctx = new Context(model).appendText('abc');
    const { raw } = ctx;
    ctx[Symbol.dispose]();
    assert.ok(raw.isDropped);
    // Twice would be an error of the fake.
    ctx.release();
    await refused(() => ctx.fork(), 'has been released');
    await refused(() => ctx.user('abc').flush(), 'has been released');
    await refused(() => ctx.seqLen, 'has been released');
  });

  test('truncating drops the last tokens, but none of committed pages', async () => {
    const ctx = new Context(model).appendText('abcdef');
    await ctx.flush();
    ctx.truncate(1);
    assert.equal(ctx.seqLen, 5);
    ctx.truncate(0);
    await refused(() => ctx.truncate(2), 'cannot truncate 2 tokens: 1 are in working pages');
    await refused(() => ctx.truncate(-1), '`-1`');
    assert.equal(ctx.seqLen, 5);
  });

  test('a model that is not there is an error with the names there are', () => refused(() => Model.load('x'), '`default`'));

  test('a tokenizer goes both ways and knows its vocabulary', async () => {
    const tk = model.tokenizer();
    assert.ok(tk.encode('abc') instanceof Uint32Array);
    assert.equal(tk.decode(tk.encode('KLM')), 'KLM');
    await refused(() => tk.decode([99]), 'no token 99');
    const [ids, texts] = tk.vocabs();
    assert.deepEqual([ids.length, texts.length, texts[0] instanceof Uint8Array], [VOCABULARY, VOCABULARY, true]);
    assert.deepEqual([...tk.specialTokens()[0]], [END]);
    assert.equal(tk.splitRegex(), '');
    assert.equal(tk.encode('\ud800').length, 1, 'half of a character is replaced before it gets to the engine');
  });
});

describe('the market', () => {
  test('idling bids nothing, and bids again at the end', () => {
    const ctx = context('abc');
    const idle = ctx.idle();
    idle[Symbol.dispose]();
    const { bids } = ctx.raw.state;
    assert.deepEqual([bids[0], bids.length, bids[1] > 0], [0, 2, true]);
    ctx.setBid(3);
    ctx.idle()[Symbol.dispose]();
    assert.deepEqual(bids.slice(2), [3, 0, 3]);
    ctx.suspend();
  });

  test('a bid uses up the funds exactly at the end', () => {
    const s = { balance: 100, dividend: 0, price: 1, pageSize: 4, seqLen: 8, steps: 8 };
    // Two pages now, four at the end: two are bought, and three are resident on average for eight steps.
    assert.equal(sustainableBid(s), (100 - 2) / 24);
    assert.equal(sustainableBid({ ...s, balance: 0 }), 0);
  });

  test('the market is read through its functions', () => {
    const ctx = context('a');
    assert.deepEqual(
      [scheduling.balance(model), scheduling.rent(ctx), scheduling.dividend(model), scheduling.latency(ctx), scheduling.price()],
      [1000, 0, 0, 0.001, 1],
    );
  });

  test('page arithmetic is exact', () => {
    const extent = new Extent(4, 1, 2, 5);
    assert.deepEqual([extent.seqLen, extent.missingPages(3), extent.missingPages(4), extent.room, extent.fullPages], [9, 0, 1, 3, 1]);
    assert.deepEqual([...extent.positions(1, 2)], [10, 11]);
    assert.equal(extent.grown(3).fullPages, 2);
  });
});

describe('a forward pass', () => {
  test('it reads what was asked for, each by its handle', async () => {
    const ctx = new Context(model);
    const fwd = ctx.forward().input(model.tokenizer().encode('abcdef'));
    const chosen = fwd.sample([4, 5], Sampler.argmax());
    const distribution = fwd.probe(5, Distribution(1, 3));
    const logits = fwd.probe(5, Logits());
    const one = fwd.probe(5, Logprob(7));
    const some = fwd.probe(5, Logprobs([7, 8]));
    const entropy = fwd.probe(5, Entropy());
    const embedding = fwd.probe(5, Embedding());
    const out = await fwd.execute();
    assert.equal(out.tokensAt(chosen).length, 2);
    assert.equal(out.token(chosen), out.tokensAt(chosen)[0]);
    const [ids, probabilities] = out.distribution(distribution);
    assert.deepEqual([ids.length, probabilities.length, ids[0]], [3, 3, out.tokensAt(chosen)[1]]);
    assert.equal(new Float32Array(out.logits(logits).slice().buffer).length, VOCABULARY);
    assert.deepEqual([out.logprobs(one).length, out.logprobs(some).length], [1, 2]);
    assert.equal(out.logprobs(one)[0], out.logprobs(some)[0]);
    assert.equal(out.entropy(entropy), 0.5);
    assert.deepEqual([...new Float32Array(out.embedding(embedding).slice().buffer)], [1, 2]);
    assert.deepEqual([out.entropy(logits), out.logits(entropy), out.token(entropy)], [undefined, undefined, undefined]);
    assert.deepEqual([out.tokens.length, out.autoSampler, out.raw.slots.length], [0, undefined, 8]);
    assert.deepEqual([ctx.seqLen, ctx.raw.committedPageCount()], [6, 1]);
  });

  test('positions follow from where the last token was', async () => {
    const ctx = new Context(model).appendText('ab');
    await ctx.flush();
    const fwd = ctx.forward();
    assert.equal(fwd.startPosition(), 2);
    await fwd.input([1]).inputAt([2], [9]).input([3]).execute();
    assert.deepEqual(ctx.raw.state.slots.slice(2), [[1, 2], [2, 9], [3, 10]]);
  });

  test('masks decide what is seen and what may be chosen', async () => {
    const ctx = new Context(model);
    const run = async (masks) => {
      const fwd = ctx.fork().forward().input([1, 2]);
      if (masks !== undefined) fwd.attentionMask(masks);
      const handle = fwd.mask(brle.fromIndices([4, 5, 6], VOCABULARY)).sample([1], Sampler.argmax());
      return (await fwd.execute()).token(handle);
    };
    const seen = await run();
    assert.ok([4, 5, 6].includes(seen));
    assert.equal(await run([[0, 1], [0, 2]]), seen);
    await refused(() => run([[0, 1], [0, 7]]), 'mask 1 covers 7 slots');
  });

  test('what is wrong with it is said, and the context is as before', async () => {
    const ctx = new Context(model);
    await refused(() => ctx.forward().execute(), 'needs input');
    await refused(() => ctx.forward().inputAt([1, 2], [0]).execute(), 'every token needs a position');
    const fwd = ctx.forward().input([1]);
    fwd.sample([3], Sampler.argmax());
    await refused(() => fwd.execute(), 'index 3 is past');
    assert.deepEqual([ctx.seqLen, ctx.raw.workingPageCount()], [0, 0]);
    const once = ctx.forward().input([1]);
    await once.execute();
    await refused(() => once.execute(), 'has been executed');
    ctx.appendText('ab');
    await refused(() => ctx.forward().input([1]).execute(), '2 buffered tokens come before');
  });

  test('passes are given back, and so are their answers', async () => {
    const before = passes.length;
    await context('abc').generate(Sampler.argmax(), { maxTokens: 3 }).collectTokens();
    assert.ok(passes.slice(before).every((pass) => pass.isDropped));
    assert.ok(passes.length > before);
  });
});

describe('adapters', () => {
  test('an adapter is made, found, copied and applied', async () => {
    const adapter = Adapter.create(model, 'draft');
    await refused(() => Adapter.create(model, 'draft'), '`draft` is in use');
    assert.equal(Adapter.open(model, 'draft').name, 'draft');
    assert.equal(Adapter.open(model, 'none'), undefined);
    assert.equal(adapter.fork('copy').name, 'copy');
    adapter.save('/scratch/a.safetensors');
    adapter.load('/scratch/a.safetensors');
    await refused(() => adapter.load('/etc/passwd'), 'not below `/scratch`');
    await context('abc').generate(Sampler.argmax(), { maxTokens: 1, adapter, zoSeed: -5 }).collectTokens();
    const pass = passes.at(-1);
    assert.deepEqual([pass.usedAdapter.name, pass.seed], ['draft', -5]);
    const ctx = new Context(model);
    await ctx.forward().input([1]).adapter(adapter).zoSeed(9).execute();
    assert.equal(passes.at(-1).seed, 9);
    await refused(() => ctx.forward().zoSeed(2 ** 60), 'holds exactly');
    adapter.destroy();
    assert.equal(Adapter.open(model, 'draft'), undefined);
    adapter[Symbol.dispose]();
    assert.ok(adapter.raw.isDropped);
  });

  test('an adapter is trained by scores', async () => {
    const adapter = Adapter.create(model, 'es');
    const options = { rank: 4, alpha: 8, populationSize: 2, muFraction: 0.5, initialSigma: 0.1 };
    zo.initialize(adapter, options);
    zo.update(adapter, [1, 2], [5, 6], 1);
    assert.deepEqual(outside.zo, [['initialize', 'es', 4, 8, 2, 0.5, 0.1], ['update', 'es', [1, 2], [5n, 6n], 1]]);
    await refused(() => zo.initialize(adapter, { ...options, muFraction: 2 }), 'not in 0 to 1');
    await refused(() => zo.update(adapter, [1], [5, 6], 1), '1 scores with 2 seeds');
    await refused(() => zo.update(adapter, ['1'], [5], 1), 'a score is a number');
  });
});

test('what nobody can reach any more is given back', { skip: globalThis.gc === undefined && 'run.mjs exposes the garbage collector' }, async () => {
  const contexts = [];
  (() => {
    for (let number = 0; number < 50; number += 1) {
      const ctx = new Context(model);
      contexts.push(ctx.raw);
    }
  })();
  for (let turn = 0; turn < 20 && !contexts.some(({ isDropped }) => isDropped); turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    globalThis.gc();
  }
  assert.ok(contexts.some(({ isDropped }) => isDropped));
});
