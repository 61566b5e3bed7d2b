/** One step of a generation: its pass, and what the generation makes of the output. */

import * as bindings from './bindings.ts';
import { drop, list } from './boundary.ts';
import * as brle from './brle.ts';
import type { Submitted } from './context.ts';
import { InferletError } from './errors.ts';
import type { State } from './generation.ts';
import type { RawOutput } from './interfaces.ts';
import { Output, ProbeHandle, SampleHandle } from './output.ts';
import type { Extent } from './pages.ts';
import { NONE, type Pass, type Readings } from './passes.ts';
import type { Probe, Sampler } from './sample.ts';
import { type Advanced, type Verified, verify } from './speculation.ts';
import { given, outputOf, waits } from './waiting.ts';

/** The request number of the sampler that a generator attaches. */
const AUTO_SAMPLER = 0;

/** A pass and how it stands to the sequence. */
interface Plan {
  pass: Pass & { drafts: Uint32Array; readings: Readings };
  /** The pass only reads the last token once more: its slot is dropped afterwards. */
  isRerun: boolean;
}

/** The next step of a {@link Generator}, ready to be executed. */
export class GenStep {
  #state: State;
  // Those of the generator, up to the first change.
  #readings: Readings;
  #drafts: Uint32Array;

  /** @internal */
  constructor(state: State, drafts: Uint32Array) {
    this.#state = state;
    this.#readings = state.readings;
    this.#drafts = drafts;
  }

  /**
   * Removes the sampler that the generator attached. Choose a token yourself, from a probe for instance, and hand it to {@link Generator.accept}. The step makes no
   * use of drafts then.
   */
  clearSampler(): this {
    this.#own().remove(AUTO_SAMPLER);
    this.#drafts = NONE;
    return this;
  }

  /**
   * Reads the distribution in this step. Index 0 is the position that the next token is predicted from; with speculation 1 and on are the
   * drafts.
   */
  probe(idx: number, probe: Probe): ProbeHandle {
    return new ProbeHandle(this.#own().add(list([idx], 'indices'), probe.raw));
  }

  /**
   * Attaches another sampler in this step, indices as for {@link GenStep.probe}. The generator does not accept what it chooses: hand it to
   * {@link Generator.accept}.
   */
  sample(indices: Iterable<number>, sampler: Sampler): SampleHandle {
    return new SampleHandle(this.#own().add(list(indices, 'indices'), sampler.raw));
  }

  #own(): Readings {
    if (this.#readings === this.#state.readings) this.#readings = this.#readings.copy();
    return this.#readings;
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
    // Nearly all steps are of one token, which is why they have a shorter way.
    if (g.constraints.isEmpty && g.ctx.buffered === 1 && this.#readings === g.readings && g.isPlain) {
      const decode = g.ctx.beginDecode(g.sampler.raw, undefined);
      waits.open += 1;
      const output = await bindings.wait.forOutput(decode.pending);
      waits.open -= 1;
      drop(decode.pending);
      const raw = given(output);
      g.ctx.endDecode(decode);
      return new Output(raw, ONE, decoded(g, raw), AUTO_HANDLE);
    }
    const isSampled = this.#readings.isAttached(AUTO_SAMPLER);
    if (this.#readings.isOnly(AUTO_SAMPLER) && !g.speculates) {
      force(g);
      if (g.progress.isDone) return new Output(undefined, [], takeForced(g, NONE));
    }
    const begun = g.ctx.begin();
    const plan = planned(g, begun, this.#readings, this.#drafts);
    const { pass } = plan;
    const submitted = submit(g, plan, begun);
    const raw = await outputOf(submitted.pending);
    if (pass.logitMask !== undefined) g.constraints.trust(pass.logitMask);
    g.keepEngineDrafts(raw.specTokens);
    const ranges = pass.readings.slotRanges();
    if (!isSampled) {
      g.settleLast(undefined, true);
      keep(g, plan, submitted, 0);
      return new Output(raw, ranges);
    }
    const chosen = settle(g, plan, submitted, choices(raw, pass.drafts.length + 1));
    return new Output(raw, ranges, takeForced(g, chosen), AUTO_HANDLE);
  }
}

const AUTO_HANDLE = new SampleHandle(AUTO_SAMPLER);
/** Its slot where it is alone. */
const ONE: [number, number][] = [[0, 1]];

/** Accepts the one token of a step without constraints and drafts. */
function decoded(g: State, raw: RawOutput): Uint32Array {
  const slot = raw.slots[0];
  if (slot?.tag !== 'token') throw new InferletError('the engine chose 0 tokens, 1 were asked for');
  const { progress, ctx } = g;
  g.settleLast(progress.checkpoint());
  if (!progress.acceptOne(slot.val)) return NONE;
  ctx.push(slot.val);
  return Uint32Array.of(slot.val);
}

/** What the generator's sampler chose. It was attached first, so its slots are in front. */
function choices(raw: RawOutput, count: number): Uint32Array {
  const chosen = new Uint32Array(count);
  for (let index = 0; index < count; index += 1) {
    const slot = raw.slots[index];
    if (slot?.tag !== 'token') {
      throw new InferletError(`the engine chose ${index} tokens, ${count} were asked for`);
    }
    chosen[index] = slot.val;
  }
  return chosen;
}

/** Accepts tokens for as long as the constraints allow one only. What the model would say makes no difference to them. */
function force(g: State): void {
  // Without constraints there is nothing to force; without a token to predict from, it is for the pass to say so.
  if (g.isMaskStale || g.mask === undefined || (g.ctx.buffered === 0 && g.ctx.seqLen === 0)) return;
  while (g.mask !== undefined) {
    const token = g.constraints.only(g.mask);
    if (token === undefined || g.progress.accept([token]) === 0) return;
    g.settleLast();
    g.ctx.push(token);
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

/** Hands the pass to the engine, and says whose mask it is that the engine does not take. */
function submit(g: State, { pass, isRerun }: Plan, begun: Extent): Submitted {
  try {
    return g.ctx.submitStep(pass, begun, isRerun);
  } catch (error) {
    if (pass.logitMask === undefined || !(error instanceof InferletError)) throw error;
    throw new InferletError(`${error.message} (constrained by ${g.constraints.names()})`);
  }
}

/** Builds the pass: the buffered tokens and the drafts behind them, or the last token once more if nothing is buffered. */
function planned(g: State, extent: Extent, readings: Readings, drafts: Uint32Array): Plan {
  const { ctx } = g;
  const isRerun = ctx.buffered === 0;
  const count = isRerun ? 1 : ctx.buffered;
  const tail = isRerun ? lastToken(g, extent) : undefined;
  const last = drafts.length;
  if (readings.lastIndex() > last) {
    throw new InferletError(`index ${readings.lastIndex()} is past this step, whose last one is ${last}`);
  }
  const anchor = count - 1;
  const places = last === 0 ? [anchor] : Uint32Array.from({ length: last + 1 }, (_, index) => anchor + index);
  const pass = {
    tokens: tail === undefined ? ctx.unseen : [tail.token],
    positions: tail === undefined ? extent.positions(0, count) : [tail.position],
    drafts,
    draftPositions: last === 0 ? NONE : extent.positions(count, last),
    wantsDrafts: g.engineDrafts !== undefined && g.speculates,
    attention: tail === undefined ? NOTHING : [lastOnceMore(extent.seqLen)],
    // Drafts are checked against the constraints afterwards: each needs a mask of its own.
    logitMask: last > 0 || g.isMaskStale ? undefined : g.mask,
    readings: anchor === 0 && last === 0 ? readings : readings.placed(anchor, places),
    adapter: g.adapter,
    zoSeed: g.zoSeed,
  };
  return { pass, isRerun };
}

const NOTHING: Uint32Array[] = [];

function lastToken(g: State, extent: Extent): { token: number; position: number } {
  const tail = g.ctx.knownTail(extent);
  if (tail !== undefined) return tail;
  throw new InferletError('there is no token to predict from: append one, or call `cue`, before `generate`');
}

/** The token is in the sequence already. In its second appearance it sees what it saw in the first. */
function lastOnceMore(seqLen: number): Uint32Array {
  return brle.fromRanges([[0, seqLen - 1], [seqLen, seqLen + 1]], seqLen + 1);
}

/** Accepts what the sampler chose, and leaves in the context exactly what was accepted. */
function settle(g: State, plan: Plan, submitted: Submitted, chosen: Uint32Array): Uint32Array {
  const { drafts } = plan.pass;
  let verified: Verified = PLAIN;
  if (drafts.length > 0) {
    g.settleLast(undefined, false, true);
    verified = check(g, drafts, chosen);
  } else {
    g.settleLast(g.progress.checkpoint());
  }
  const count = g.progress.accept(verified.accepted === chosen.length ? chosen : chosen.subarray(0, verified.accepted));
  const accepted = count === chosen.length ? chosen : chosen.slice(0, count);
  const inPages = Math.min(count, verified.held);
  if (verified.held > inPages) g.ctx.truncate(verified.held - inPages);
  keep(g, plan, submitted, inPages);
  for (let index = inPages; index < count; index += 1) g.ctx.push(accepted[index] as number);
  if (g.speculator !== undefined) for (const token of accepted) g.untoldSpeculator.push(token);
  g.rejected = Math.max(0, g.rejected - inPages);
  if (verified.moved) {
    g.mask = verified.nextMask;
    g.isMaskStale = false;
  } else {
    // The verification has moved the constraints over all but the last.
    if (count > 0) g.untold.push(accepted[count - 1] as number);
    g.isMaskStale = true;
  }
  return accepted;
}

/** The one choice of a step without drafts. */
const PLAIN: Verified = { accepted: 1, held: 0, moved: false };

/**
 * What stays in the pages: the input of the pass with the first `drafts` of its drafts, or nothing of a pass that only read the last token once
 * more.
 */
function keep(g: State, { pass, isRerun }: Plan, { extent, change }: Submitted, drafts: number): void {
  if (isRerun) {
    g.ctx.endRerun();
    return;
  }
  g.ctx.setTail(pass, drafts, extent);
  g.ctx.commitFullPages(extent.grown(pass.tokens.length + drafts), change);
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
