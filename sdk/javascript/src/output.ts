/** What a pass returned, read through the handles that asked for it. */

import { f32s, u32s, u8s } from './boundary.ts';
import type { RawOutput, RawSlot } from './interfaces.ts';
import { NONE } from './passes.ts';

/** Refers to what a sampler chose in one pass. */
export class SampleHandle {
  /** @internal */
  readonly request: number;
  declare private readonly kind: 'sample';

  /** @internal */
  constructor(request: number) {
    this.request = request;
  }
}

/** Refers to what a probe read in one pass. */
export class ProbeHandle {
  /** @internal */
  readonly request: number;
  declare private readonly kind: 'probe';

  /** @internal */
  constructor(request: number) {
    this.request = request;
  }
}

/** Either kind. Reading with a handle of the wrong kind, or of another pass, gives nothing. */
export type Handle = SampleHandle | ProbeHandle;

/** The answer to one pass. */
export class Output {
  /**
   * The tokens that a generator accepted in this step: those that its constraints forced, and what was chosen behind them; cut at a stop token, which is
   * not among them, and at the limit. Empty for a {@link Forward}, and after {@link GenStep.clearSampler}.
   */
  readonly tokens: Uint32Array;
  /**
   * The handle of the sampler that a generator attached by itself. `undefined` for a {@link Forward}, and after
   * {@link GenStep.clearSampler}.
   */
  readonly autoSampler: SampleHandle | undefined;
  /**
   * The object of the interface: `slots` as the engine returned them, `specTokens` and `specPositions` with the guesses of its drafter. `undefined` for a
   * step that needed no pass.
   */
  readonly raw: RawOutput | undefined;
  #ranges: [number, number][];

  /** @internal */
  constructor(
    raw: RawOutput | undefined,
    ranges: [number, number][],
    tokens: Uint32Array = NONE,
    autoSampler?: SampleHandle,
  ) {
    this.raw = raw;
    // Which slots answer which request.
    this.#ranges = ranges;
    this.tokens = tokens;
    this.autoSampler = autoSampler;
  }

  /** The token that a sampler chose, at its first index if it has several. */
  token(handle: SampleHandle): number | undefined {
    return this.tokensAt(handle)[0];
  }

  /** The tokens that a sampler chose, in the order of its indices. */
  tokensAt(handle: SampleHandle): Uint32Array {
    const chosen = this.#slots(handle).filter((slot) => slot.tag === 'token');
    return Uint32Array.from(chosen, (slot) => slot.val);
  }

  /** Token ids and their probabilities, most likely first: of a {@link Distribution} probe. */
  distribution(handle: Handle): [Uint32Array, Float32Array] | undefined {
    const slot = this.#slot(handle, 'distribution');
    return slot && [u32s(slot.val[0]), f32s(slot.val[1])];
  }

  /**
   * One `f32` for every entry of the vocabulary, in native byte order: of a {@link Logits} probe.
   * `new Float32Array(logits.slice().buffer)` has the numbers.
   */
  logits(handle: Handle): Uint8Array | undefined {
    const slot = this.#slot(handle, 'logits');
    return slot && u8s(slot.val);
  }

  /** Natural logarithms of probabilities: of a {@link Logprob} or {@link Logprobs} probe. */
  logprobs(handle: Handle): Float32Array | undefined {
    const slot = this.#slot(handle, 'logprobs');
    return slot && f32s(slot.val);
  }

  /** In nats: of an {@link Entropy} probe. */
  entropy(handle: Handle): number | undefined {
    return this.#slot(handle, 'entropy')?.val;
  }

  /** `f32` values in native byte order: of an {@link Embedding} probe. */
  embedding(handle: Handle): Uint8Array | undefined {
    const slot = this.#slot(handle, 'embedding');
    return slot && u8s(slot.val);
  }

  #slots(handle: Handle): RawSlot[] {
    const range = this.#ranges[handle.request];
    return range === undefined ? [] : (this.raw?.slots.slice(range[0], range[1]) ?? []);
  }

  #slot<T extends RawSlot['tag']>(handle: Handle, tag: T): Extract<RawSlot, { tag: T }> | undefined {
    const slots = this.#slots(handle);
    const slot = slots.length === 1 ? slots[0] : undefined;
    return slot?.tag === tag ? (slot as Extract<RawSlot, { tag: T }>) : undefined;
  }
}
