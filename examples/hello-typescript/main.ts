/** Greets a person: one question to the model, one answer. */

import { Context, Model, Sampler } from 'inferlet';

export async function main(input: { name: string }): Promise<string> {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.system('You greet people warmly, in one sentence.').user(`Greet ${input.name}.`);
  return await ctx.generate(Sampler.argmax(), { maxTokens: 64 }).collectText();
}
