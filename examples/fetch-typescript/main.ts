/**
 * Fetches a text and lets the model summarise it. The manifest says which hosts it may ask; what was answered is in the trace, and a run can be replayed from there without
 * a network.
 */

import { Context, Model, Sampler, http } from 'inferlet';

interface Input {
  url: string;
  max_tokens: number;
}

export async function main({ url, max_tokens }: Input) {
  // `fetch` is there too. `success` makes an error of a status such as 404.
  const response = await http.success(await http.get(url));
  const page = await response.text();

  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.system('Summarise what you are given in one sentence.').user(page);
  const summary = await ctx.generate(Sampler.topP(0.6, 0.95), { maxTokens: max_tokens }).collectText();
  return { characters: [...page].length, summary };
}
