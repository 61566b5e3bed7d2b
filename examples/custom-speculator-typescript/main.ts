/**
 * Guesses what comes next, and lets one pass verify several guesses. The answer is the same without them; it only takes more passes.
 *
 * Worth it wherever an answer quotes something that is known: a document, the code that is to be edited, an earlier answer.
 */

import { Context, Model, Sampler } from 'inferlet';
import type { Speculator } from 'inferlet';

interface Input {
  prompt: string;
  expected: string;
  'max-tokens': number;
}

/** More guesses cost more to verify, and the later ones are less likely to hold. */
const MOST_DRAFTS = 4;

/** Expects a text: whenever a token of it was generated, it guesses that the text goes on. */
class Expectation implements Speculator {
  /** Where in the text the answer seems to be. */
  #at = 0;

  constructor(
    private readonly tokens: Uint32Array,
    /** How long the sequence is. */
    private length: number,
  ) {}

  draft(): [Uint32Array, Uint32Array] {
    const drafts = this.tokens.subarray(this.#at, this.#at + MOST_DRAFTS);
    return [drafts, drafts.map((_, index) => this.length + index)];
  }

  accept(tokens: Uint32Array): void {
    this.length += tokens.length;
    for (const token of tokens) {
      const found = this.tokens.indexOf(token, this.#at);
      if (found >= 0) this.#at = found + 1;
    }
  }

  rollback(): void {}

  reset(): void {
    this.#at = 0;
  }
}

export async function main(input: Input) {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.user(input.prompt).cue();
  const speculator = new Expectation(model.tokenizer().encode(input.expected), ctx.buffer().length);
  const tokens: number[] = [];
  let passes = 0;
  for await (const step of ctx.generate(Sampler.argmax(), { maxTokens: input['max-tokens'], speculator })) {
    tokens.push(...(await step.execute()).tokens);
    passes += 1;
  }
  return { text: model.tokenizer().decode(tokens), tokens: tokens.length, passes };
}
