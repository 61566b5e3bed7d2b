/** What `generate` does, by hand: one forward pass for each token, with the pass's input, sampler and output in plain sight. */

import { Context, Model, Sampler, chat } from 'inferlet';

interface Input {
  prompt: string;
  temperature: number;
  max_tokens: number;
}

export async function main({ prompt, temperature, max_tokens }: Input): Promise<string> {
  const model = Model.load('default');
  const stop = chat.stopTokens(model);
  using ctx = new Context(model);
  ctx.user(prompt).cue();

  // The first pass feeds the whole question, each further one the token before.
  let unseen = ctx.takeBuffer();
  const generated: number[] = [];
  while (generated.length < max_tokens) {
    const token = await nextToken(ctx, unseen, Sampler.topP(temperature, 0.95));
    if (stop.includes(token)) break;
    generated.push(token);
    unseen = Uint32Array.of(token);
  }
  return model.tokenizer().decode(generated);
}

/** Feeds tokens and samples the one that follows the last of them. */
async function nextToken(ctx: Context, tokens: Uint32Array, sampler: Sampler): Promise<number> {
  // Positions follow from what the context holds, and the pages for these tokens are reserved and committed by themselves.
  const pass = ctx.forward().input(tokens);
  const chosen = pass.sample([tokens.length - 1], sampler);
  return (await pass.execute()).token(chosen)!;
}
