/**
 * Best of n: several answers are drawn at once, and the one that the model finds most probable wins.
 *
 * The score is the mean log-probability of the answer's tokens. Each is known when its token is drawn: a probe in the same pass has the distribution that it was drawn
 * from.
 */

import { Context, Distribution, Model, Sampler } from 'inferlet';

interface Input {
  prompt: string;
  n: number;
  temperature: number;
  'max-tokens': number;
}

export async function main(input: Input) {
  const model = Model.load('default');
  using prompt = new Context(model);
  prompt.user(input.prompt).cue();
  const answers = await Promise.all(Array.from({ length: input.n }, () => answer(prompt, input)));
  answers.sort((a, b) => b.score - a.score);
  return { ...answers[0], scores: answers.map(({ score }) => score) };
}

/** Draws an answer in a fork, and scores it. */
async function answer(prompt: Context, input: Input): Promise<{ text: string; score: number }> {
  using ctx = prompt.fork();
  const generator = ctx.generate(Sampler.topP(input.temperature, 0.95), { maxTokens: input['max-tokens'] });
  const seen = generator.probeEachStep(0, Distribution(1, 0));
  const tokens: number[] = [];
  let logprob = 0;
  for (let step = generator.next(); step !== undefined; step = generator.next()) {
    const output = await step.execute();
    const [token] = output.tokens;
    if (token === undefined) break;
    const [ids, probabilities] = output.distribution(seen)!;
    logprob += Math.log(probabilities[ids.indexOf(token)]!);
    tokens.push(token);
  }
  return { text: ctx.model.tokenizer().decode(tokens), score: logprob / Math.max(tokens.length, 1) };
}
