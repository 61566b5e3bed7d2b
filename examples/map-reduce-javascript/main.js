/** Map and reduce: a long text is summarized in parts, each by a run of this program, and then the summaries are. */

import { Context, Model, Sampler, launch } from 'inferlet';

/** @param {{ text: string }} input */
export async function main({ text }) {
  const parts = text.split('\n\n');
  if (parts.length < 2) return summarize(text);
  // All parts are launched before the first is waited for, so that they share the engine's steps.
  const children = parts.map((part) => launch('map-reduce-javascript', { text: part.trim() }));
  const summaries = await Promise.all(children.map((child) => child.answer()));
  return summarize(summaries.join(' '));
}

/** @param {string} text */
async function summarize(text) {
  using ctx = new Context(Model.load('default'));
  ctx.system('You say in one sentence what a text says.').user(text);
  return await ctx.generate(Sampler.argmax(), { maxTokens: 64 }).collectText();
}
