/** One forward pass, described step by step. */

import type { Adapter } from './adapter.ts';
import { integer, list } from './boundary.ts';
import { type Brle, checked } from './brle.ts';
import type { Context } from './context.ts';
import { InferletError } from './errors.ts';
import { Output, ProbeHandle, SampleHandle } from './output.ts';
import { type Pass, Readings, joined, NONE, slotCount } from './passes.ts';
import type { Probe, Sampler } from './sample.ts';
import { outputOf } from './waiting.ts';

/**
 * One pass over a context, made by {@link Context.forward}. Pages are reserved, positions derived and full pages committed by itself. It can be executed
 * once.
 */
export class Forward {
  #ctx: Context;
  #start: number;
  #pass: Pass & { tokens: Uint32Array; positions: Uint32Array; attention: Uint32Array[]; readings: Readings };
  #isDone = false;

  /** @internal */
  constructor(ctx: Context) {
    this.#ctx = ctx;
    this.#start = ctx.seqLen;
    this.#pass = { tokens: NONE, positions: NONE, attention: [], readings: new Readings() };
  }

  /** Adds input tokens at the positions that follow: from {@link Forward.startPosition}, or from the last token added. */
  input(tokens: Iterable<number>): this {
    const more = list(tokens, 'token ids');
    const { positions } = this.#pass;
    const first = positions.length > 0 ? (positions[positions.length - 1] as number) + 1 : this.#start;
    this.#pass.tokens = joined(this.#pass.tokens, more);
    this.#pass.positions = joined(
      positions,
      Uint32Array.from(more, (_, index) => first + index),
    );
    return this;
  }

  /** Adds input tokens at explicit positions. {@link Forward.execute} fails if the two differ in length. */
  inputAt(tokens: Iterable<number>, positions: Iterable<number>): this {
    this.#pass.tokens = joined(this.#pass.tokens, list(tokens, 'token ids'));
    this.#pass.positions = joined(this.#pass.positions, list(positions, 'positions'));
    return this;
  }

  /**
   * Which slots each input token sees, one mask (see {@link brle}) a token: over the slots up to itself, or over all with this pass. Without masks attention
   * is causal.
   */
  attentionMask(masks: Iterable<Brle>): this {
    this.#pass.attention.push(...Array.from(masks, checked));
    return this;
  }

  /** Which tokens may be chosen, at every sampled position: a mask over the vocabulary (see {@link brle}). */
  mask(brle: Brle): this {
    this.#pass.logitMask = checked(brle);
    return this;
  }

  /** Chooses a token behind each of these inputs, counted from 0 in the order they were added. */
  sample(indices: Iterable<number>, sampler: Sampler): SampleHandle {
    return new SampleHandle(this.#pass.readings.add(list(indices, 'indices'), sampler.raw));
  }

  /** Reads the distribution behind one input, counted as in {@link Forward.sample}. */
  probe(idx: number, probe: Probe): ProbeHandle {
    return new ProbeHandle(this.#pass.readings.add(list([idx], 'indices'), probe.raw));
  }

  /** Applies an adapter in this pass. */
  adapter(adapter: Adapter): this {
    this.#pass.adapter = adapter;
    return this;
  }

  /** Perturbs the adapter with the noise of this seed in this pass (see {@link zo}). */
  zoSeed(seed: number): this {
    this.#pass.zoSeed = integer(seed, 'a seed');
    return this;
  }

  /** The position that the first token added with {@link Forward.input} gets: the length of the context's sequence when this pass was begun. */
  startPosition(): number {
    return this.#start;
  }

  /**
   * Runs the pass.
   *
   * @throws {@link InferletError} if the context has buffered tokens, because they come first: flush them, or feed them yourself with
   *   {@link Context.takeBuffer}. Otherwise as the engine says: no input, lists of different lengths, an index past the input, a mask of the wrong length, a
   *   token outside the vocabulary, no pages. The context is as before then.
   */
  async execute(): Promise<Output> {
    const ctx = this.#ctx;
    const { buffered } = ctx;
    if (buffered > 0) {
      throw new InferletError(
        `${buffered} buffered tokens come before this pass: call \`flush\`, or feed what \`takeBuffer\` returns`,
      );
    }
    if (this.#isDone) throw new InferletError('this pass has been executed: make another one with `ctx.forward()`');
    const begun = ctx.begin();
    const { pending, extent, change } = ctx.submit(this.#pass, begun);
    this.#isDone = true;
    ctx.setTail(this.#pass, 0, extent);
    const raw = await outputOf(pending);
    ctx.commitFullPages(extent.grown(slotCount(this.#pass)), change);
    return new Output(raw, this.#pass.readings.slotRanges());
  }
}
