/** Streams an answer: one step of the generator at a time, each new piece of text printed as soon as it is there. */

import { Context, Model, Sampler, chat, session } from 'inferlet';

/** @param {{ prompt: string, max_tokens: number }} input */
export async function main({ prompt, max_tokens }) {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.user(prompt);

  // A token may be half a character. The decoder keeps such bytes back until the rest has come.
  const decoder = new chat.Decoder(model);
  for await (const step of ctx.generate(Sampler.topP(0.7, 0.95), { maxTokens: max_tokens })) {
    const output = await step.execute();
    const event = decoder.feed(output.tokens);
    // As it is, where `console.log` would end a line.
    if (event.type === 'delta') session.print(event.text);
  }
  session.print('\n');
}
