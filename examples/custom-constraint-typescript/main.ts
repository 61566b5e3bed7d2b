/** Asks for six words, none of which has a token that was there before: a grammar and a constraint of our own, both of which hold. */

import { Context, Model, Sampler, brle, regex } from 'inferlet';
import type { Constraint } from 'inferlet';

/** Forbids tokens that were there before. */
class NoRepeats implements Constraint {
  #used = new Set<number>();
  #vocabSize: number;

  constructor(model: Model) {
    const [ids] = model.tokenizer().vocabs();
    this.#vocabSize = ids.at(-1)! + 1;
  }

  step(accepted: Uint32Array): Uint32Array {
    for (const token of accepted) this.#used.add(token);
    // Allowed are the gaps between the tokens that were used.
    const used = Uint32Array.from(this.#used).sort();
    const starts = [0, ...used.map((token) => token + 1)];
    const ends = [...used, this.#vocabSize];
    return brle.fromRanges(starts.map((start, index) => [start, ends[index]!] as const), this.#vocabSize);
  }

  describe(): string {
    return 'no token twice';
  }
}

export async function main(input: { theme: string }): Promise<string[]> {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.user(`Six words about ${input.theme}.`);
  const words = regex('[a-z]{2,12}( [a-z]{2,12}){5}');
  const constrain = [new NoRepeats(model), words];
  const text = await ctx.generate(Sampler.argmax(), { maxTokens: 128, constrain }).collectText();
  return text.split(' ');
}
