/** The same text with and without the engine's drafter, which guesses that a text goes on as it did before. */

import { Context, Generator, Model, Sampler, chat } from 'inferlet';

interface Input {
  text: string;
  'max-tokens': number;
}

export async function main(input: Input) {
  const model = Model.load('default');
  using plain = new Context(model);
  await plain.appendText(input.text).flush();
  using drafted = plain.fork();

  const how = { maxTokens: input['max-tokens'], autoFlush: false, stop: chat.stopTokens(model) };
  const expected = await run(plain.generate(Sampler.argmax(), how));
  const found = await run(drafted.generate(Sampler.argmax(), { ...how, systemSpeculation: true }));
  if (found.tokens.join() !== expected.tokens.join()) throw new Error('speculation has changed what was generated');
  return {
    text: model.tokenizer().decode(found.tokens),
    tokens: found.tokens.length,
    passes_without: expected.passes,
    passes_with: found.passes,
  };
}

/** Generates to the end, and counts passes. */
async function run(generator: Generator): Promise<{ tokens: number[]; passes: number }> {
  const tokens: number[] = [];
  let passes = 0;
  for await (const step of generator) {
    tokens.push(...(await step.execute()).tokens);
    passes += 1;
  }
  return { tokens, passes };
}
