/** Greets somebody in the model's words. */
import { Context, Model, Sampler } from 'inferlet';

interface Input {
  name: string;
  max_tokens: number;
}

/** What the model is asked. */
export function question(name: string): string {
  return `Greet ${name}.`;
}

export async function main({ name, max_tokens }: Input): Promise<string> {
  using ctx = new Context(Model.load('default'));
  ctx.system('You greet people warmly, in one sentence.').user(question(name));
  return await ctx.generate(Sampler.argmax(), { maxTokens: max_tokens }).collectText();
}
