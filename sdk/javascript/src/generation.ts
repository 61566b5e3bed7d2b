/** Generating tokens: the loop around passes, with stop tokens, limits, constraints and speculation. */

import type { Adapter } from './adapter.ts';
import { count, integer, list, u32s } from './boundary.ts';
import type { Brle } from './brle.ts';
import * as chat from './chat.ts';
import { type Constrains, Constraints, asConstraint, staticMask } from './constraint.ts';
import type { Context } from './context.ts';
import { InferletError } from './errors.ts';
import { EventDecoder, type EventOptions, type GenerationEvent } from './events.ts';
import { type JsonOptions, type Structured, readJson, structured } from './structured.ts';
import { EXPECTED_STEPS } from './market.ts';
import { ProbeHandle } from './output.ts';
import { NONE, Readings } from './passes.ts';
import { fromHere } from './place.ts';
import { type Checkpoint, Progress } from './progress.ts';
import type { Probe, Sampler } from './sample.ts';
import { type Speculator, checkDrafts } from './speculation.ts';
import type { StandardSchema } from './standard-schema.ts';
import { GenStep } from './step.ts';

/** How {@link Context.generate} generates. */
export interface GenerateOptions {
  /** Ends after so many accepted tokens. */
  maxTokens?: number | undefined;
  /** The tokens to end at; by default those of the chat template, or none without `autoFlush`. */
  stop?: Iterable<number> | undefined;
  /** A constraint or schema, or several, all of which hold. */
  constrain?: Constrains | readonly Constrains[] | undefined;
  /** A mask over the vocabulary that holds at every step (see {@link brle}). */
  logitMask?: Brle | undefined;
  /** Verifies the drafts of this speculator. */
  speculator?: Speculator | undefined;
  /** Verifies the drafts of the engine's n-gram drafter; excludes `speculator`. By default `false`. */
  systemSpeculation?: boolean | undefined;
  /** Applied in every step. */
  adapter?: Adapter | undefined;
  /** Perturbs the adapter with the noise of this seed in every step. */
  zoSeed?: number | undefined;
  /** How many tokens to expect, for planning bids in the market for pages. */
  horizon?: number | undefined;
  /** `true` (the default) cues the model, as {@link Context.cue} does, so that it answers; `false` has the text continued as it stands. */
  autoFlush?: boolean | undefined;
}

/**
 * Generates tokens behind a context, one step at a time: made by {@link Context.generate}, and run by a collector or step by step.
 *
 * It ends at its stop tokens and at its limit. Accepted tokens are part of the context, whether the generator runs to its end or is dropped before.
 *
 * @example
 * for await (const step of ctx.generate(Sampler.topP(0.6, 0.95), { maxTokens: 256 })) {
 *   const out = await step.execute();
 * }
 */
export class Generator implements AsyncIterable<GenStep> {
  /** @internal */
  readonly state: State;

  /** @internal */
  constructor(ctx: Context, sampler: Sampler, options: GenerateOptions) {
    this.state = new State(ctx, sampler, options);
  }

  // Configuration

  /** Ends after `n` accepted tokens. */
  maxTokens(n: number): this {
    this.state.progress.maxTokens = count(n, '`maxTokens`');
    return this;
  }

  /** The tokens to end at, instead of those before. The token itself is not accepted. */
  stop(tokens: Iterable<number>): this {
    this.state.progress.stop = new Set(list(tokens, 'stop tokens'));
    return this;
  }

  /** Further tokens to end at. */
  addStop(tokens: Iterable<number>): this {
    for (const token of list(tokens, 'stop tokens')) this.state.progress.stop.add(token);
    return this;
  }

  /** Restricts what is generated, by a constraint or a schema. Several all hold. Throws {@link InferletError} if a schema does not compile. */
  constrain(c: Constrains): this {
    this.state.constraints.push(asConstraint(c, this.state.ctx.model));
    this.state.isMaskStale = true;
    return this;
  }

  /** How many tokens to expect, for planning bids in the market for pages. Without it the engine's default bid stays. */
  horizon(n: number): this {
    this.state.horizon = count(n, '`horizon`');
    return this;
  }

  /** Applies an adapter in every step. */
  adapter(a: Adapter): this {
    this.state.adapter = a;
    this.state.isPlain = false;
    return this;
  }

  /** Perturbs the adapter with the noise of this seed in every step (see {@link zo}). */
  zoSeed(seed: number): this {
    this.state.zoSeed = integer(seed, 'a seed');
    this.state.isPlain = false;
    return this;
  }

  /**
   * Reads the distribution in every step. Index 0 is the position that the next token is predicted from; with speculation 1 and on are the
   * drafts.
   */
  probeEachStep(idx: number, probe: Probe): ProbeHandle {
    this.state.isPlain = false;
    return new ProbeHandle(this.state.readings.add(list([idx], 'indices'), probe.raw));
  }

  // Inspection

  /** Number of tokens accepted so far. */
  get tokensGenerated(): number {
    return this.state.progress.accepted;
  }

  /** Whether the generation has ended. */
  get isDone(): boolean {
    return this.state.progress.isDone;
  }

  /** The stop token that ended the generation, for decoders that want to see it; `undefined` otherwise. */
  get stoppedBy(): number | undefined {
    return this.state.progress.stoppedBy;
  }

  // Step by step

  /**
   * The next step, to be executed; `undefined` at the end. A step that is dropped without having been executed changes nothing. `for await` does the same, but lets
   * others have a turn before each step.
   *
   * @throws {@link InferletError} if the context has no token to predict from, if the constraints allow no token, or if a speculator answers what makes no
   *   sense.
   */
  next(): GenStep | undefined {
    return this.state.next();
  }

  /**
   * The steps, each to be executed. One that is dropped without having been executed changes nothing.
   *
   * A step is an {@link InferletError} instead if the context has no token to predict from, if the constraints allow no token, or if a speculator answers what
   * makes no sense.
   */
  [Symbol.asyncIterator](): AsyncIterator<GenStep, undefined> {
    return {
      // An error is a rejection, and what is returned is a promise without a further wait.
      next: () => {
        try {
          const value = this.state.next();
          return Promise.resolve(value === undefined ? { done: true, value } : { done: false, value });
        } catch (error) {
          return Promise.reject(error);
        }
      },
    };
  }

  /**
   * Accepts tokens that you chose: after {@link GenStep.clearSampler}, or in place of what the step's sampler chose; tokens that constraints had forced before
   * that stay. Further calls before the next step add to them. Stop tokens and the limit apply. Returns the tokens that were accepted.
   */
  accept(tokens: Iterable<number>): Uint32Array {
    return this.state.accept(list(tokens, 'token ids'));
  }

  // Collectors: run to the end and return everything

  /** Runs to the end; all accepted tokens. */
  collectTokens(): Promise<Uint32Array> {
    return fromHere(() => this.#tokens());
  }

  async #tokens(): Promise<Uint32Array> {
    const tokens: number[] = [];
    for (let step = this.state.next(); step !== undefined; step = this.state.next()) {
      for (const token of (await step.execute()).tokens) tokens.push(token);
    }
    return Uint32Array.from(tokens);
  }

  /** Runs to the end; the text, decoded by the chat template. */
  collectText(): Promise<string> {
    return fromHere(() => this.#text());
  }

  async #text(): Promise<string> {
    const decoder = new chat.Decoder(this.state.ctx.model);
    let text = '';
    for (let step = this.state.next(); step !== undefined; step = this.state.next()) {
      text = fed(decoder, (await step.execute()).tokens, text);
    }
    // The template's own stop token makes the decoder hand over what it still holds back.
    const { stoppedBy } = this;
    if (stoppedBy !== undefined && this.state.templateStops.includes(stoppedBy)) {
      text = fed(decoder, Uint32Array.of(stoppedBy), text);
    }
    return text;
  }

  /**
   * Runs to the end, event by event: text as it comes, and thoughts and calls of tools where asked for. The last event is `done`.
   *
   * @example
   * for await (const event of ctx.generate(Sampler.argmax(), { maxTokens: 64 }).events({ reasoning: true })) {
   *   if (event.type === 'text') console.log(event.text);
   * }
   */
  async *events(options: EventOptions = {}): AsyncGenerator<GenerationEvent, void, undefined> {
    const decoder = new EventDecoder(this.state.ctx.model, options);
    for (let step = this.state.next(); step !== undefined; step = this.state.next()) {
      yield* decoder.feed((await step.execute()).tokens);
    }
    const { stoppedBy } = this;
    // The template's own stop token makes the decoder hand over what it still holds back.
    if (stoppedBy !== undefined && this.state.templateStops.includes(stoppedBy)) yield* decoder.feed([stoppedBy]);
    if (!decoder.isDone) yield decoder.finish();
  }

  /**
   * Runs to the end with the output constrained to JSON; the value, parsed.
   *
   * `schema` is a JSON Schema as text or as an object, a {@link Schema}, or a validator that follows Standard Schema (zod, valibot, arktype), which then has the last
   * word and whose value is returned. Without one any JSON will do. `parse` makes something else of the value.
   *
   * @throws {@link InferletError} if the schema does not compile, if the limit cut the text before it was complete, or if the validator refuses the
   *   value.
   */
  collectJson<S extends StandardSchema>(opts: { schema: S; parse?: undefined }): Promise<StandardSchema.Output<S>>;
  collectJson<T = unknown>(opts?: JsonOptions<T>): Promise<T>;
  collectJson(opts: JsonOptions<unknown> = {}): Promise<unknown> {
    return fromHere(() => this.#json(opts));
  }

  async #json(opts: JsonOptions<unknown>): Promise<unknown> {
    const wanted: Structured = structured(opts.schema);
    const { maxTokens } = this.state.progress;
    const text = await this.constrain(wanted.schema).#text();
    const { accepted } = this.state.progress;
    const value = readJson(text, maxTokens !== undefined && accepted >= maxTokens ? maxTokens : undefined);
    const valid = wanted.validate === undefined ? value : await wanted.validate(value);
    return opts.parse === undefined ? valid : opts.parse(valid);
  }
}

function fed(decoder: chat.Decoder, tokens: Uint32Array, text: string): string {
  if (tokens.length === 0) return text;
  const event = decoder.feed(tokens);
  if (event.type === 'delta') return text + event.text;
  return event.type === 'done' ? event.text : text;
}

/** What a generator and its steps share. */
export class State {
  readonly ctx: Context;
  readonly sampler: Sampler;
  /** Stop tokens of the chat template, which its decoder understands. */
  readonly templateStops: Uint32Array;
  readonly progress: Progress;
  readonly constraints: Constraints = new Constraints();
  /** Whether the constraints have to be asked for the mask of the next step, and that mask otherwise. */
  isMaskStale = true;
  mask: Uint32Array | undefined;
  readonly speculator: Speculator | undefined;
  /** The drafts that the engine returned in the last step; `undefined` when its drafter is off. */
  engineDrafts: Uint32Array | undefined;
  /**
   * Accepted tokens that the constraints and the speculator have not been told about, and drafts of the speculator for the last step that did not hold or were not
   * used.
   */
  untold: number[] = [];
  untoldSpeculator: number[] = [];
  rejected = 0;
  /** Whether steps read nothing but what the sampler chooses, use no drafts, and change nothing in the model. */
  isPlain: boolean;
  /** Whether there are drafts from anywhere. */
  readonly hasDrafter: boolean;
  adapter: Adapter | undefined;
  zoSeed: number | undefined;
  horizon: number | undefined;
  /** What every step reads: the sampler first, then the probes. Indices count from the position to predict from. */
  readonly readings: Readings = new Readings();
  /** Tokens accepted without a pass that no step has reported. */
  forced: number[] = [];
  /** What went wrong where no error could be thrown; the next step throws it. */
  fault: InferletError | undefined;
  // For `accept`: the state before a step that accepted what the sampler chose; or how else the last step ended.
  #before: Checkpoint | undefined;
  #isOpen = false;
  #hasSpeculated = false;

  constructor(ctx: Context, sampler: Sampler, options: GenerateOptions) {
    if (!sampler.chooses) {
      throw new InferletError(`\`${sampler.kind}\` chooses no token: read it with a \`Forward\` or a probe`);
    }
    if (options.speculator !== undefined && options.systemSpeculation === true) {
      throw new InferletError('`speculator` and `systemSpeculation` exclude each other; choose one');
    }
    const { autoFlush = true, maxTokens, constrain } = options;
    if (autoFlush) ctx.cue();
    this.ctx = ctx;
    this.sampler = sampler;
    this.templateStops = chat.stopTokens(ctx.model);
    const stop = options.stop === undefined ? (autoFlush ? this.templateStops : NONE) : list(options.stop, 'stop tokens');
    this.progress = new Progress(stop, maxTokens === undefined ? undefined : count(maxTokens, '`maxTokens`'));
    this.speculator = options.speculator;
    this.engineDrafts = options.systemSpeculation === true ? NONE : undefined;
    this.hasDrafter = this.speculator !== undefined || this.engineDrafts !== undefined;
    this.adapter = options.adapter;
    this.zoSeed = options.zoSeed === undefined ? undefined : integer(options.zoSeed, 'a seed');
    this.horizon = options.horizon === undefined ? undefined : count(options.horizon, '`horizon`');
    this.isPlain = !this.hasDrafter && this.adapter === undefined && this.zoSeed === undefined;
    this.readings.add(Uint32Array.of(0), sampler.raw);
    for (const one of constrain === undefined ? [] : several(constrain)) {
      this.constraints.push(asConstraint(one, ctx.model));
    }
    if (options.logitMask !== undefined) this.constraints.push(staticMask(options.logitMask));
  }

  /** The next step; `undefined` at the end. */
  next(): GenStep | undefined {
    const { ctx, progress } = this;
    if (this.fault !== undefined) {
      const { fault } = this;
      this.fault = undefined;
      throw fault;
    }
    if (progress.isDone) return undefined;
    if (this.#isOpen) {
      throw new InferletError('the last step chose no token: after `clearSampler` call `accept`');
    }
    if (this.isMaskStale) this.askConstraints();
    const drafts = this.hasDrafter ? this.#drafts() : NONE;
    if (this.horizon !== undefined || ctx.bidding.isPending) {
      if (ctx.bidding.beginStep(this.horizon !== undefined)) ctx.bidFor(this.#expectedSteps());
    }
    return new GenStep(this, drafts);
  }

  #drafts(): Uint32Array {
    const drafts = this.#askDrafter();
    // Whatever is verified beyond the end of the generation would be taken back, and would have drawn random numbers.
    const useful = drafts.subarray(0, this.progress.usefulDrafts(drafts));
    return useful.subarray(0, this.ctx.affordableDrafts(useful.length));
  }

  accept(tokens: Uint32Array): Uint32Array {
    if (this.#hasSpeculated) {
      throw new InferletError('`accept` cannot replace what a speculative step has verified; call `clearSampler` before it');
    }
    if (this.#before !== undefined) {
      let undone = this.progress.accepted;
      this.progress.restore(this.#before);
      undone -= this.progress.accepted;
      this.untold.length = Math.max(0, this.untold.length - undone);
      this.untoldSpeculator.length = Math.max(0, this.untoldSpeculator.length - undone);
      this.ctx.unbuffer(undone);
    }
    this.settleLast();
    if (this.engineDrafts !== undefined) this.engineDrafts = NONE;
    const accepted = tokens.subarray(0, this.progress.accept(tokens));
    this.ctx.append(accepted);
    this.tellLater(accepted);
    this.isMaskStale = true;
    return accepted.slice();
  }

  /** How the last step ended, for {@link State.accept}. */
  settleLast(before?: Checkpoint, isOpen: boolean = false, hasSpeculated: boolean = false): void {
    this.#before = before;
    this.#isOpen = isOpen;
    this.#hasSpeculated = hasSpeculated;
  }

  tellLater(accepted: Iterable<number>): void {
    for (const token of accepted) {
      this.untold.push(token);
      if (this.speculator !== undefined) this.untoldSpeculator.push(token);
    }
  }

  askConstraints(): void {
    this.isMaskStale = false;
    if (this.constraints.isEmpty) {
      this.mask = undefined;
      this.untold.length = 0;
      return;
    }
    const told = Uint32Array.from(this.untold);
    this.untold = [];
    this.mask = this.constraints.step(told);
  }

  /**
   * Whether drafts are verified at all. Under a constraint each draft would need a mask of its own, and a pass has one. What the arg max chooses under a mask is what
   * it chooses without, if that is allowed; what another sampler draws is not, so with it there would be other tokens with drafts than without.
   */
  get speculates(): boolean {
    return this.hasDrafter && (this.constraints.isEmpty || this.sampler.isArgmax);
  }

  /** Drafts for the next step. */
  #askDrafter(): Uint32Array {
    // A pass of the last token once more has no place for drafts.
    const isUsable = this.ctx.buffered > 0 && this.speculates;
    if (this.speculator === undefined) {
      if (this.engineDrafts !== undefined && !isUsable) this.engineDrafts = NONE;
      return this.engineDrafts ?? NONE;
    }
    this.#tell(this.speculator);
    if (!isUsable) return NONE;
    const [drafts, positions] = this.speculator.draft();
    const checked = list(drafts, 'drafts');
    checkDrafts(checked, list(positions, 'positions'), this.ctx.seqLen + this.ctx.buffered);
    // Until a step says otherwise.
    this.rejected = checked.length;
    return checked;
  }

  #tell(speculator: Speculator): void {
    if (this.rejected > 0) speculator.rollback(this.rejected);
    this.rejected = 0;
    if (this.untoldSpeculator.length > 0) {
      const told = Uint32Array.from(this.untoldSpeculator);
      this.untoldSpeculator = [];
      speculator.accept(told);
    }
  }

  #expectedSteps(): number {
    const expected = this.horizon ?? this.progress.maxTokens ?? EXPECTED_STEPS;
    return Math.max(1, expected - this.progress.accepted);
  }

  /** Takes the engine's guesses behind a step. */
  keepEngineDrafts(drafts: Parameters<typeof u32s>[0]): void {
    if (this.engineDrafts !== undefined) this.engineDrafts = u32s(drafts);
  }
}

function several(constrain: Constrains | readonly Constrains[]): readonly Constrains[] {
  return Array.isArray(constrain) ? (constrain as readonly Constrains[]) : [constrain as Constrains];
}
