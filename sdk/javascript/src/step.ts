/** One step of a generation: its pass, and what the generation makes of the output. */

import { list } from './boundary.ts';
import * as brle from './brle.ts';
import { InferletError } from './errors.ts';
import type { State } from './generation.ts';
import { Output, ProbeHandle, SampleHandle } from './output.ts';
import type { Extent } from './pages.ts';
import { NONE, type Pass, type Readings } from './passes.ts';
import type { Probe, Sampler } from './sample.ts';
import { type Advanced, type Verified, verify } from './speculation.ts';
import { outputOf } from './waiting.ts';

/** The request number of the sampler that a generator attaches. */
const AUTO_SAMPLER = 0;

/** A pass and how it stands to the sequence. */
interface Plan {
  pass: Pass & { drafts: Uint32Array; readings: Readings };
  /** How the pages are filled before it. */
  extent: Extent;
  /** The pass only reads the last token once more: its slot is dropped afterwards. */
  isRerun: boolean;
}

/** The next step of a {@link Generator}, ready to be executed. */
export class GenStep {
  #state: State;
  #readings: Readings;
  #drafts: Uint32Array;

  /** @internal */
  constructor(state: State, drafts: Uint32Array) {
    this.#state = state;
    this.#readings = state.readings.copy();
    this.#drafts = drafts;
  }

  /**
   * Removes the sampler that the generator attached. Choose a token yourself, from a probe for instance, and hand it to {@link Generator.accept}. The step makes no
   * use of drafts then.
   */
  clearSampler(): this {
    this.#readings.remove(AUTO_SAMPLER);
    this.#drafts = NONE;
    return this;
  }

  /**
   * Reads the distribution in this step. Index 0 is the position that the next token is predicted from; with speculation 1 and on are the
   * drafts.
   */
  probe(idx: number, probe: Probe): ProbeHandle {
    return new ProbeHandle(this.#readings.add(list([idx], 'indices'), probe.raw));
  }

  /**
   * Attaches another sampler in this step, indices as for {@link GenStep.probe}. The generator does not accept what it chooses: hand it to
   * {@link Generator.accept}.
   */
  sample(indices: Iterable<number>, sampler: Sampler): SampleHandle {
    return new SampleHandle(this.#readings.add(list(indices, 'indices'), sampler.raw));
  }

  /**
   * Runs the pass and accepts what the generator's sampler chose, in `tokens` of the output.
   *
   * Where the constraints allow one token only, it is accepted without asking the model, and fed with the pass for the first token that is a choice; it comes first
   * in `tokens`. If the generation ends with such tokens, there is no pass. A step that reads anything itself, or has no sampler, is about the very next token: it
   * always has its pass, and so has each step with speculation, whose drafters want to see what was chosen.
   */
  async execute(): Promise<Output> {
    const g = this.#state;
    const isSampled = this.#readings.isAttached(AUTO_SAMPLER);
    if (this.#readings.isOnly(AUTO_SAMPLER) && !g.speculates) {
      force(g);
      if (g.progress.isDone) return new Output(undefined, [], takeForced(g, NONE));
    }
    const extent = g.ctx.begin();
    const plan = planned(g, extent, this.#readings, this.#drafts);
    const { pass } = plan;
    const pending = explained(g, pass, () => g.ctx.submitStep(pass, extent, plan.isRerun));
    const raw = await outputOf(pending);
    if (pass.logitMask !== undefined) g.constraints.trust(pass.logitMask);
    g.keepEngineDrafts(raw.specTokens);
    const ranges = pass.readings.slotRanges();
    if (!isSampled) {
      g.settleLast({ isOpen: true });
      keep(g, plan, 0);
      return new Output(raw, ranges);
    }
    const handle = new SampleHandle(AUTO_SAMPLER);
    const chosen = settle(g, plan, new Output(raw, ranges).tokensAt(handle));
    return new Output(raw, ranges, takeForced(g, chosen), handle);
  }
}

/** Accepts tokens for as long as the constraints allow one only. What the model would say makes no difference to them. */
function force(g: State): void {
  // Without constraints there is nothing to force; without a token to predict from, it is for the pass to say so.
  if (g.isMaskStale || g.mask === undefined || (!g.ctx.isBuffered && g.ctx.seqLen === 0)) return;
  while (g.mask !== undefined) {
    const token = g.constraints.only(g.mask);
    if (token === undefined || g.progress.accept([token]) === 0) return;
    g.settleLast({});
    g.ctx.append([token]);
    g.tellLater([token]);
    g.forced.push(token);
    g.isMaskStale = true;
    if (g.progress.isDone) return;
    g.askConstraints();
  }
}

function takeForced(g: State, chosen: Uint32Array): Uint32Array {
  if (g.forced.length === 0) return chosen;
  const { forced } = g;
  g.forced = [];
  return Uint32Array.from([...forced, ...chosen]);
}

/** Says whose mask it is that the engine did not take. */
function explained<T>(g: State, pass: Pass, submit: () => T): T {
  try {
    return submit();
  } catch (error) {
    if (pass.logitMask === undefined || !(error instanceof InferletError)) throw error;
    throw new InferletError(`${error.message} (constrained by ${g.constraints.names()})`);
  }
}

/** Builds the pass: the buffered tokens and the drafts behind them, or the last token once more if nothing is buffered. */
function planned(g: State, extent: Extent, readings: Readings, drafts: Uint32Array): Plan {
  const { ctx } = g;
  let tokens = ctx.buffer();
  let positions = extent.positions(0, tokens.length);
  const attention: Uint32Array[] = [];
  const isRerun = tokens.length === 0;
  if (isRerun) {
    const tail = ctx.knownTail(extent);
    if (tail === undefined) {
      throw new InferletError('there is no token to predict from: append one, or call `cue`, before `generate`');
    }
    const { seqLen } = extent;
    // The token is in the sequence already. In its second appearance it sees what it saw in the first.
    attention.push(brle.fromRanges([[0, seqLen - 1], [seqLen, seqLen + 1]], seqLen + 1));
    tokens = Uint32Array.of(tail.token);
    positions = Uint32Array.of(tail.position);
  }
  const anchor = tokens.length - 1;
  const last = drafts.length;
  if (readings.lastIndex() > last) {
    throw new InferletError(`index ${readings.lastIndex()} is past this step, whose last one is ${last}`);
  }
  const pass = {
    tokens,
    positions,
    drafts,
    draftPositions: extent.positions(tokens.length, last),
    wantsDrafts: g.engineDrafts !== undefined && g.speculates,
    attention,
    // Drafts are checked against the constraints afterwards: each needs a mask of its own.
    logitMask: last > 0 || g.isMaskStale ? undefined : g.mask,
    readings: readings.placed(anchor, Uint32Array.from({ length: last + 1 }, (_, index) => anchor + index)),
    adapter: g.adapter,
    zoSeed: g.zoSeed,
  };
  return { pass, extent, isRerun };
}

/** Accepts what the sampler chose, and leaves in the context exactly what was accepted. */
function settle(g: State, plan: Plan, chosen: Uint32Array): Uint32Array {
  const { drafts } = plan.pass;
  if (chosen.length !== drafts.length + 1) {
    throw new InferletError(`the engine chose ${chosen.length} tokens, ${drafts.length + 1} were asked for`);
  }
  let verified: Verified = { accepted: 1, held: 0, moved: false };
  if (drafts.length > 0) {
    g.settleLast({ hasSpeculated: true });
    verified = check(g, drafts, chosen);
  } else {
    g.settleLast({ before: g.progress.checkpoint() });
  }
  const accepted = chosen.subarray(0, g.progress.accept(chosen.subarray(0, verified.accepted)));
  const inPages = Math.min(accepted.length, verified.held);
  g.ctx.truncate(verified.held - inPages);
  keep(g, plan, inPages);
  g.ctx.append(accepted.subarray(inPages));
  for (const token of accepted) g.untoldSpeculator.push(token);
  g.rejected = Math.max(0, g.rejected - inPages);
  if (verified.moved) {
    g.mask = verified.nextMask;
    g.isMaskStale = false;
  } else {
    // The verification has moved the constraints over all but the last.
    for (const token of accepted.subarray(-1)) g.untold.push(token);
    g.isMaskStale = true;
  }
  return accepted;
}

/**
 * What stays in the pages: the input of the pass with the first `drafts` of its drafts, or nothing of a pass that only read the last token once
 * more.
 */
function keep(g: State, plan: Plan, drafts: number): void {
  if (plan.isRerun) {
    g.ctx.endRerun();
    return;
  }
  g.ctx.setTail(plan.pass, drafts, plan.extent);
  g.ctx.commitFullPages(plan.extent.grown(plan.pass.tokens.length + drafts));
}

function check(g: State, drafts: Uint32Array, chosen: Uint32Array): Verified {
  const mask = g.isMaskStale ? undefined : g.mask;
  g.isMaskStale = true;
  const advance = (token: number): Advanced => {
    try {
      return { alive: true, mask: g.constraints.step(Uint32Array.of(token)) };
    } catch (deadEnd) {
      if (!(deadEnd instanceof InferletError)) throw deadEnd;
      g.fault = deadEnd;
      return { alive: false };
    }
  };
  return verify(drafts, chosen, mask, advance);
}
