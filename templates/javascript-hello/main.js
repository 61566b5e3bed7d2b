/** Greets somebody in the model's words. */
import { Context, Model, Sampler } from 'inferlet';

/**
 * What the model is asked.
 * @param {string} name
 */
export function question(name) {
  return `Greet ${name}.`;
}

/** @param {{ name: string, max_tokens: number }} input */
export async function main({ name, max_tokens }) {
  using ctx = new Context(Model.load('default'));
  ctx.system('You greet people warmly, in one sentence.').user(question(name));
  return await ctx.generate(Sampler.argmax(), { maxTokens: max_tokens }).collectText();
}
