/**
 * Some models think before they answer, in a marked block. Two decoders read the same tokens: one finds the thoughts, the other what is meant for the user.
 *
 * Run it with `--script replies.toml`: the dummy model then thinks.
 */

import { Context, Model, Sampler, chat, reasoning } from 'inferlet';

/** @param {{ question: string, max_tokens: number }} input */
export async function main({ question, max_tokens }) {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.user(question);

  let thoughts = '';
  let answer = '';
  const thoughtDecoder = new reasoning.Decoder(model);
  const answerDecoder = new chat.Decoder(model);
  for await (const step of ctx.generate(Sampler.argmax(), { maxTokens: max_tokens })) {
    const { tokens } = await step.execute();
    const thought = thoughtDecoder.feed(tokens);
    if (thought.type === 'delta') thoughts += thought.text;
    else if (thought.type === 'end') thoughts = thought.text;
    const said = answerDecoder.feed(tokens);
    if (said.type === 'delta') answer += said.text;
  }
  return { thoughts, answer };
}
