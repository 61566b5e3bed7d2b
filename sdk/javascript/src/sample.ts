/**
 * What to read at a position of a pass: a {@link Sampler} chooses a token, a {@link Probe} looks at the distribution.
 *
 * A temperature divides the logits before the softmax. 0 means the arg max, and ties go to the lowest token id.
 *
 * @module
 */

import { count, list, real } from './boundary.ts';
import type { RawSampler } from './interfaces.ts';

/** Chooses one token per position. Made by its static methods, whose defaults are in common use. */
export class Sampler {
  /** @internal */
  readonly raw: RawSampler;

  /** @internal */
  constructor(raw: RawSampler) {
    this.raw = raw;
  }

  /** The most likely token. */
  static argmax(): Sampler {
    // The interface has no case of its own for it: temperature 0 means the arg max.
    return new Sampler({ tag: 'multinomial', val: [0, 0] });
  }

  /** Among the fewest tokens whose probabilities add up to at least `p`, in 0 to 1. */
  static topP(temperature: number = 0.6, p: number = 0.95): Sampler {
    return new Sampler({ tag: 'top-p', val: [heat(temperature), real(p, '`p`')] });
  }

  /** Among the `k` most likely tokens, at least 1. */
  static topK(temperature: number = 0.6, k: number = 50): Sampler {
    return new Sampler({ tag: 'top-k', val: [heat(temperature), count(k, '`k`')] });
  }

  /** Among the tokens at least `p` times as likely as the likeliest, in 0 to 1. */
  static minP(temperature: number = 0.6, p: number = 0.1): Sampler {
    return new Sampler({ tag: 'min-p', val: [heat(temperature), real(p, '`p`')] });
  }

  /** Among the `k` most likely tokens, and of those as {@link Sampler.topP}. */
  static topKTopP(temperature: number = 0.6, k: number = 50, p: number = 0.95): Sampler {
    return new Sampler({ tag: 'top-k-top-p', val: [heat(temperature), count(k, '`k`'), real(p, '`p`')] });
  }

  /** Among all tokens. `draws` is mixed into the draw; 0 takes the next number of the instance's own generator. */
  static multinomial(temperature: number = 1, draws: number = 0): Sampler {
    return new Sampler({ tag: 'multinomial', val: [heat(temperature), count(draws, '`draws`')] });
  }

  /** The last hidden state, read with {@link Output.embedding}. Chooses no token, so a generator cannot run on it. */
  static embedding(): Sampler {
    return new Sampler({ tag: 'embedding' });
  }

  /** Which one it is, such as `top-p`. */
  get kind(): string {
    return this.raw.tag;
  }

  /** Whether it takes a token. */
  get chooses(): boolean {
    return this.raw.tag !== 'embedding';
  }

  /** @internal Whether it takes the most likely token, so that the same pass always chooses the same. */
  get isArgmax(): boolean {
    return this.raw.tag === 'multinomial' && this.raw.val[0] === 0;
  }
}

/** Reads the model's distribution at a position without choosing a token. Made by {@link Logits} and the other functions of this module. */
export class Probe {
  /** @internal */
  readonly raw: RawSampler;

  /** @internal */
  constructor(raw: RawSampler) {
    this.raw = raw;
  }

  /** Which one it is, such as `entropy`. */
  get kind(): string {
    return this.raw.tag;
  }
}

/** The logits as the model computed them; read with {@link Output.logits}. */
export function Logits(): Probe {
  return new Probe({ tag: 'raw-logits' });
}

/** The `k` most likely tokens with their probabilities, most likely first, 0 for the whole vocabulary; read with {@link Output.distribution}. */
export function Distribution(temperature: number = 1, k: number = 0): Probe {
  return new Probe({ tag: 'dist', val: [heat(temperature), count(k, '`k`')] });
}

/** Natural logarithm of the probability of a token at temperature 1; read with {@link Output.logprobs}. */
export function Logprob(token: number): Probe {
  return new Probe({ tag: 'logprob', val: count(token, 'a token id') });
}

/** The same for several tokens, in their order; read with {@link Output.logprobs}. */
export function Logprobs(tokens: Iterable<number>): Probe {
  return new Probe({ tag: 'logprobs', val: list(tokens, 'token ids') });
}

/** Shannon entropy of the distribution at temperature 1, in nats; read with {@link Output.entropy}. */
export function Entropy(): Probe {
  return new Probe({ tag: 'entropy' });
}

/** The last hidden state; read with {@link Output.embedding}. An error where the model has none to give. */
export function Embedding(): Probe {
  return new Probe({ tag: 'embedding' });
}

function heat(temperature: number): number {
  return real(temperature, '`temperature`');
}
