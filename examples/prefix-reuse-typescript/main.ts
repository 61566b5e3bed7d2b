/**
 * A long text that many questions are asked about is read by the model once, and saved under a name.
 *
 * A saved context lives as long as the engine does. Further runs of this inferlet, or of another one of the same user, find it again and begin where it ends.
 */

import { Context, Model, Sampler } from 'inferlet';

interface Input {
  questions: string[];
  max_tokens: number;
}

const NAME = 'house-rules';
const HOUSE_RULES =
  'You answer questions about the rules of the bakery. ' +
  'The oven goes on at four in the morning. Bread goes in at five, rolls at half past five, cakes at seven. ' +
  'Only the baker on duty may open the oven, and only with gloves. Flour is weighed, never guessed. ' +
  "Yesterday's bread is sold until noon at half its price. Dogs wait outside.";

export async function main({ questions, max_tokens }: Input) {
  const model = Model.load('default');
  const answers: { text: string; reused_tokens: number }[] = [];
  for (const question of questions) {
    using ctx = await houseRules(model);
    // How many tokens the model had read before this question.
    const reused = ctx.seqLen;
    ctx.user(question);
    const text = await ctx.generate(Sampler.argmax(), { maxTokens: max_tokens }).collectText();
    answers.push({ text, reused_tokens: reused });
  }
  return answers;
}

/** A context in which the model has read the rules. */
async function houseRules(model: Model): Promise<Context> {
  // A copy: it shares the pages of what was saved, and what is added to it is its own.
  const found = Context.open(model, NAME);
  if (found !== undefined) return found;
  const ctx = new Context(model);
  await ctx.system(HOUSE_RULES).flush();
  ctx.save(NAME);
  return ctx;
}
