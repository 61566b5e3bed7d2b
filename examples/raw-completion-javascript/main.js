/** Continues a text. There is no chat here: the model sees exactly the tokens of the text and predicts what follows. */

import { Context, Model, Sampler, chat } from 'inferlet';

/** @param {{ text: string, max_tokens: number }} input */
export async function main({ text, max_tokens }) {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.appendText(text);
  // Without `autoFlush`, nothing is added, and nothing but the limit ends it: so the end of text is named.
  const generator = ctx.generate(Sampler.argmax(), {
    maxTokens: max_tokens,
    autoFlush: false,
    stop: chat.stopTokens(model),
  });
  return text + model.tokenizer().decode(await generator.collectTokens());
}
