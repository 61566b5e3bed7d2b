/** Three texts at once. Their beginning is the same, so the model reads it once; then each goes on in a fork of its own. */

import { Context, Model, Sampler } from 'inferlet';

interface Input {
  topic: string;
  max_tokens: number;
}

export async function main(input: Input) {
  const model = Model.load('default');
  using shared = new Context(model);
  shared.system(`You write short texts about ${input.topic}.`);
  // Forks share what has been flushed. What is only buffered would be computed by each of them again.
  await shared.flush();

  /** One text, in a fork that is gone afterwards. */
  async function write(request: string): Promise<string> {
    using ctx = shared.fork();
    ctx.user(request);
    return await ctx.generate(Sampler.argmax(), { maxTokens: input.max_tokens }).collectText();
  }

  // Their passes are in flight together and share the engine's steps, so that three texts take about as many steps as the longest one.
  const [story, joke, advice] = await Promise.all([
    write('Tell a story.'),
    write('Tell a joke.'),
    write('Give advice.'),
  ]);
  return { story, joke, advice };
}
