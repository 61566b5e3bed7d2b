/** Extracts a date from a text. The answer is nothing but a date, because nothing else matches. */

import { Context, Model, Sampler, regex } from 'inferlet';

/** A date of this or the last century. It has to match as a whole. */
const DATE = '(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])';

/** @param {{ text: string }} input */
export async function main({ text }) {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.user(`Which date does this mention?\n\n${text}`);
  const date = await ctx.generate(Sampler.argmax(), { maxTokens: 32, constrain: regex(DATE) }).collectText();
  const [year, month, day] = date.split('-').map(Number);
  return { year, month, day };
}
