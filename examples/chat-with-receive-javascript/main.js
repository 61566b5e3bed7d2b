/**
 * A conversation with whoever launched this: waits for a message, answers with one, and so on.
 *
 * The context stays. Each answer costs the new message and the answer itself, however long the conversation has become.
 */

import { Context, Model, Sampler, session } from 'inferlet';

/** @param {{ system: string, max_tokens: number }} input */
export async function main({ system, max_tokens }) {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.system(system);
  // It ends with the session, when nobody has anything more to say.
  for await (const message of session.messages()) {
    ctx.user(message);
    const answer = await ctx.generate(Sampler.argmax(), { maxTokens: max_tokens }).collectText();
    session.send(answer);
    // A generator leaves the model's turn open, so that it could go on. Here it is over.
    ctx.seal();
  }
}
