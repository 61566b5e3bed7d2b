/**
 * Beam search: several continuations grow side by side, and after each token only the most probable ones live on.
 *
 * Each beam is a context of its own. A beam that goes on in two ways is forked, which shares its full pages; one that is given up is released, which frees its pages at
 * once.
 */

import { Context, Distribution, Model, chat } from 'inferlet';

interface Input {
  prompt: string;
  beams: number;
  max_tokens: number;
}

/** A token that a beam may go on with. */
interface Candidate {
  parent: Beam;
  token: number;
  /** Of the beam with this token. */
  logprob: number;
}

/** A continuation under way. */
class Beam {
  constructor(
    readonly ctx: Context,
    /** What the model has to see before it can say what follows. */
    readonly unseen: Uint32Array,
    readonly tokens: number[],
    readonly logprob: number,
  ) {}

  /** The `count` most probable ways to go on. */
  async candidates(count: number): Promise<Candidate[]> {
    const pass = this.ctx.forward().input(this.unseen);
    const probe = pass.probe(this.unseen.length - 1, Distribution(1, count));
    const [tokens, probabilities] = (await pass.execute()).distribution(probe)!;
    return Array.from(tokens, (token, index) => ({
      parent: this,
      token,
      logprob: this.logprob + Math.log(probabilities[index]!),
    }));
  }

  /** This beam with one more token, in a context of its own. */
  grown({ token, logprob }: Candidate): Beam {
    return new Beam(this.ctx.fork(), Uint32Array.of(token), [...this.tokens, token], logprob);
  }
}

export async function main(input: Input) {
  const model = Model.load('default');
  const stop = chat.stopTokens(model);
  const ctx = new Context(model);
  ctx.user(input.prompt).cue();

  let beams = [new Beam(ctx, ctx.takeBuffer(), [], 0)];
  const finished: { tokens: number[]; logprob: number }[] = [];
  for (let length = 0; length < input.max_tokens && beams.length > 0; length += 1) {
    // The passes of all beams are in flight together, and the engine batches them.
    const found = await Promise.all(beams.map((beam) => beam.candidates(input.beams)));
    const candidates = found.flat().sort((a, b) => b.logprob - a.logprob).slice(0, input.beams - finished.length);
    for (const { parent, token, logprob } of candidates) {
      if (stop.includes(token)) finished.push({ tokens: parent.tokens, logprob });
    }
    const parents = beams;
    beams = candidates.filter(({ token }) => !stop.includes(token)).map((next) => next.parent.grown(next));
    for (const parent of parents) parent.ctx.release();
  }
  finished.push(...beams);
  for (const beam of beams) beam.ctx.release();
  finished.sort((a, b) => b.logprob - a.logprob);
  return finished.map(({ tokens, logprob }) => ({ text: model.tokenizer().decode(tokens), logprob }));
}
