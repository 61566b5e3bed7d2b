/**
 * A generation in which each token sees the first few tokens and the last ones, and nothing between: the cost of a token stays the same however long the text
 * becomes.
 *
 * The first tokens draw much attention whatever they say; without them, text from transformers falls apart once they leave the window. The observation and the method
 * are those of Xiao et al., "Efficient Streaming Language Models with Attention Sinks" (2023).
 */

import { Context, Model, Sampler, brle, chat } from 'inferlet';

interface Input {
  prompt: string;
  sink: number;
  window: number;
  max_tokens: number;
}

export async function main({ prompt, sink, window, max_tokens }: Input) {
  const model = Model.load('default');
  const stop = chat.stopTokens(model);
  using ctx = new Context(model);
  ctx.user(prompt).cue();

  /** What the token at `at` sees: the first tokens, and the last ones up to itself. */
  function sinkAndWindow(at: number): Uint32Array {
    const end = at + 1;
    return brle.fromRanges([[0, sink], [Math.max(0, end - window), end]], end);
  }

  let unseen = ctx.takeBuffer();
  const generated: number[] = [];
  while (generated.length < max_tokens) {
    const start = ctx.seqLen;
    const pass = ctx.forward().input(unseen);
    pass.attentionMask(Array.from(unseen, (_, index) => sinkAndWindow(start + index)));
    const chosen = pass.sample([unseen.length - 1], Sampler.argmax());
    const token = (await pass.execute()).token(chosen);
    if (token === undefined || stop.includes(token)) break;
    generated.push(token);
    unseen = Uint32Array.of(token);
  }
  const tokens = ctx.seqLen;
  return { text: model.tokenizer().decode(generated), tokens, seen: Math.min(tokens, sink + window) };
}
