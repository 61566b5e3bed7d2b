/**
 * Ranks given answers by their probability, without generating anything: the model only reads them.
 *
 * The probability of an answer is the product of the probabilities of its tokens, each behind those before it. One pass over the answer has them all, because a pass
 * predicts at every position.
 */

import { Context, Logprob, Model, chat } from 'inferlet';

interface Input {
  question: string;
  answers: string[];
}

interface Scored {
  answer: string;
  /** Natural logarithm of its probability. */
  logprob: number;
  /** The same for one token of it, so that long answers can be compared with short ones. */
  mean_logprob: number;
}

export async function main({ question, answers }: Input): Promise<Scored[]> {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.user(question).cue();
  // The question is fed once, but for its last token: behind that one the first token of an answer is predicted, so it opens the pass of each answer.
  const tokens = ctx.takeBuffer();
  const last = tokens.at(-1)!;
  await ctx.append(tokens.subarray(0, -1)).flush();

  const ranking: Scored[] = [];
  for (const answer of answers) ranking.push(await score(ctx, last, answer));
  return ranking.sort((a, b) => b.mean_logprob - a.mean_logprob);
}

/** Reads an answer in a fork, so that no answer sees another. */
async function score(question: Context, last: number, answer: string): Promise<Scored> {
  using ctx = question.fork();
  // The end of the turn counts: an answer that should go on is not a good one.
  const tokens = [...ctx.model.tokenizer().encode(answer), ...chat.seal(ctx.model)];
  const pass = ctx.forward().input([last]).input(tokens.slice(0, -1));
  const probes = tokens.map((token, index) => pass.probe(index, Logprob(token)));
  const output = await pass.execute();
  const logprob = probes.reduce((sum, probe) => sum + output.logprobs(probe)![0]!, 0);
  return { answer, logprob, mean_logprob: logprob / tokens.length };
}
