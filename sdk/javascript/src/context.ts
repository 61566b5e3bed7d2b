/**
 * Contexts: token sequences whose keys and values the engine keeps in pages.
 *
 * A {@link Context} is the sequence that the model has seen, followed by a buffer of tokens that it has not seen yet. Filling appends to the buffer; a pass (of
 * {@link Context.flush}, or the first step of a generator) moves the buffer into the model's sight. Pages are reserved before a pass, just enough of them, and
 * committed after it when they are full.
 *
 * @module
 */

import * as bindings from './bindings.ts';
import { count, disowned, drop, fallible, isRefusal, list, owned, real, refused, text as checkedText } from './boundary.ts';
import * as chat from './chat.ts';
import { InferletError } from './errors.ts';
import { Forward } from './forward.ts';
import { type GenerateOptions, Generator } from './generation.ts';
import type { List, RawContext, RawFutureOutput, RawSampler } from './interfaces.ts';
import * as market from './market.ts';
import type { Model } from './model.ts';
import { Extent } from './pages.ts';
import { NONE, type Pass, describe, slotCount } from './passes.ts';
import { fromHere } from './place.ts';
import type { Sampler } from './sample.ts';
import * as scheduling from './scheduling.ts';
import * as tools from './tools.ts';
import { outputNow, outputOf } from './waiting.ts';

/** A token at the end of the sequence, valid as long as the sequence is this long. */
interface Tail {
  token: number;
  position: number;
  seqLen: number;
}

/** The pass of one token under way, and how the pages are filled behind it. */
export interface Decode {
  pending: RawFutureOutput;
  committedPages: number;
  workingPages: number;
  workingTokens: number;
  change: number;
}

/** The place of the only token of a pass. */
const FIRST = [0];

/** A pass under way. */
export interface Submitted {
  pending: RawFutureOutput;
  /** How the pages were filled before it, with those that were reserved for it. */
  extent: Extent;
  /** The number of this change, by which to see whether there was another. */
  change: number;
}

/** How many tokens are handed over as an array; more of them as a typed array. */
const SHORT = 8;

/** Stands for a context that has been released. */
const RELEASED = new Proxy({} as RawContext, {
  get(): never {
    throw new InferletError('this context has been released: it cannot be used any more');
  },
});

/** How a context is made other than by `new`. @internal */
export class FromEngine {
  raw: RawContext;

  constructor(raw: RawContext) {
    this.raw = raw;
  }
}

/**
 * A token sequence and its KV pages, empty at first. `using` frees the pages at the end of a block, {@link Context.release} at any time.
 *
 * @example
 * using ctx = new Context(model);
 * ctx.user('Hello!');
 */
export class Context implements Disposable {
  /** The model the context was made for. */
  readonly model: Model;
  /** Tokens in one KV page. */
  readonly pageSize: number;
  /** @internal */
  raw: RawContext;
  /** @internal */
  readonly bidding: market.Bidding = new market.Bidding();
  #buffer: number[] = [];
  // The last token that the model has seen, where it is known.
  #tail: Tail | undefined;
  // Slots at the end that are no part of the sequence: those of a pass that reads the last token once more.
  #ghosts = 0;
  // How the pages are filled, where that is known without asking, and how often something has changed them.
  #extent: Extent | undefined;
  #changes = 0;
  #isReleased = false;

  /** A fresh context without a name. */
  constructor(model: Model);
  /** @internal */
  constructor(model: Model, from: FromEngine);
  constructor(model: Model, from?: FromEngine) {
    this.model = model;
    this.raw = owned(this, from?.raw ?? fallible(() => bindings.context.Context.create(model.raw)));
    this.pageSize = this.raw.tokensPerPage();
  }

  // Construction and lifecycle

  /** A copy of the snapshot saved as `name`, which stays. `undefined` if there is no such snapshot for this model and user. */
  static open(model: Model, name: string): Context | undefined {
    return found(bindings.context.Context.open, model, name);
  }

  /** The snapshot saved as `name` itself: it is no snapshot any more. `undefined` if there is no such snapshot. */
  static take(model: Model, name: string): Context | undefined {
    return found(bindings.context.Context.take, model, name);
  }

  /** Removes the snapshot saved as `name`. Throws {@link InferletError} if there is no such snapshot. */
  static delete(model: Model, name: string): void {
    const known = checkedText(name, 'the name of a snapshot');
    fallible(() => bindings.context.Context.delete(model.raw, known));
  }

  /** A second context with the same content, buffered tokens too. Full pages are shared, so the time it takes does not depend on the length. */
  fork(): Context {
    const fork = new Context(this.model, new FromEngine(fallible(() => this.raw.fork())));
    fork.#buffer = [...this.#buffer];
    fork.#tail = this.#tail;
    fork.#ghosts = this.#ghosts;
    fork.#endRerun();
    return fork;
  }

  /**
   * Saves the sequence under a name of your choice, replacing an older snapshot of that name. It lives as long as the engine. Buffered tokens are flushed first,
   * so that they are not lost; the whole program waits for that.
   */
  save(name: string): void {
    const known = checkedText(name, 'the name of a snapshot');
    this.#flushNow();
    fallible(() => this.raw.save(known));
  }

  /** As {@link Context.save}, under a name that the engine picks and this returns. */
  snapshot(): string {
    this.#flushNow();
    return fallible(() => this.raw.snapshot());
  }

  /** Frees the pages now. The context cannot be used any more. */
  release(): void {
    this.#buffer = [];
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#changed();
    const { raw } = this;
    this.raw = RELEASED;
    // As `destroy`, but without a question to the engine, which others could go on during.
    if (raw[Symbol.dispose] === undefined) raw.destroy();
    else disowned(raw);
  }

  /** The end of `using`: {@link Context.release}. */
  [Symbol.dispose](): void {
    this.release();
  }

  // Filling

  /** Appends a message with instructions for the model. */
  system(text: string): this {
    return this.append(chat.system(this.model, text));
  }

  /** Appends a message of the user. */
  user(text: string): this {
    return this.append(chat.user(this.model, text));
  }

  /** Appends a complete answer of the model, as an example or as history. */
  assistant(text: string): this {
    return this.append(chat.assistant(this.model, text));
  }

  /** Appends the head of the model's turn, which makes it answer next. Does nothing if the buffer ends in it already. */
  cue(): this {
    const tokens = chat.cue(this.model);
    const end = this.#buffer.length - tokens.length;
    const isCued = tokens.length > 0 && end >= 0 && tokens.every((token, index) => this.#buffer[end + index] === token);
    return isCued ? this : this.append(tokens);
  }

  /** Appends what closes the model's turn. A generator leaves the turn open: its stop token is not appended. */
  seal(): this {
    return this.append(chat.seal(this.model));
  }

  /** Appends tokens as they are. */
  append(tokens: Iterable<number>): this {
    const more = list(tokens, 'token ids');
    for (let index = 0; index < more.length; index += 1) this.#buffer.push(more[index] as number);
    return this;
  }

  /** Appends a text as it is, without a chat template. */
  appendText(text: string): this {
    return this.append(this.model.tokenizer().encode(text));
  }

  /** Appends what tells the model about tools; see {@link tools.equipPrefix}. */
  equipTools(schemas: tools.Descriptions): this {
    return this.append(tools.equipPrefix(this.model, schemas));
  }

  /** Appends the result of a call; see {@link tools.answerPrefix}. */
  answerTool(name: string, value: unknown): this {
    return this.append(tools.answerPrefix(this.model, name, value));
  }

  /** Lets the model see the buffered tokens (prefill), and commits the pages that they fill. Nothing happens on an empty buffer. */
  flush(): Promise<void> {
    return fromHere(() => this.#flush());
  }

  async #flush(): Promise<void> {
    const underWay = this.#submitBuffer();
    if (underWay === undefined) return;
    await outputOf(underWay.pending);
    this.commitFullPages(underWay.extent, underWay.change);
  }

  /**
   * Drops the last `n` tokens that the model has seen, to roll back. Buffered tokens are not affected.
   *
   * @throws {@link InferletError} if fewer than `n` tokens are in working pages: those in committed pages stay. Nothing is dropped then.
   */
  truncate(n: number): void {
    count(n, 'the number of tokens to drop');
    this.#endRerun();
    if (n === 0) return;
    const available = this.raw.workingPageTokenCount();
    if (n > available) {
      throw new InferletError(`cannot truncate ${n} tokens: ${available} are in working pages, the others are committed`);
    }
    this.#changed();
    this.raw.truncateWorkingPageTokens(n);
  }

  /** Takes the buffered tokens out, to feed them to a {@link Forward} of your own. */
  takeBuffer(): Uint32Array {
    const tokens = this.buffer();
    this.#buffer = [];
    return tokens;
  }

  // Inspection

  /** Number of tokens in committed and working pages. Buffered tokens do not count. */
  get seqLen(): number {
    const { raw } = this;
    if (this.#extent !== undefined) return this.#extent.seqLen;
    return raw.committedPageCount() * this.pageSize + raw.workingPageTokenCount() - this.#ghosts;
  }

  /** Tokens appended but not yet seen by the model. */
  buffer(): Uint32Array {
    return this.#buffer.length === 0 ? NONE : Uint32Array.from(this.#buffer);
  }

  // Running the model

  /** Generates tokens with `sampler`: returns a {@link Generator} to collect from or to go through step by step. */
  generate(sampler: Sampler, options: GenerateOptions = {}): Generator {
    return new Generator(this, sampler, options);
  }

  /** One forward pass, to be described step by step. */
  forward(): Forward {
    return new Forward(this);
  }

  // The market for KV pages

  /** Overrides the bid for the next pass: `value` credits a page and step. A generator bids by itself again on the step after. */
  setBid(value: number): void {
    this.bidding.bid(real(value, 'a bid'));
    this.raw.bid(value);
  }

  /** Bids nothing up to the end of a block, for the time in which this context waits for something else: `using _ = ctx.idle();` */
  idle(): Disposable {
    this.raw.bid(0);
    return {
      [Symbol.dispose]: () => {
        const { override } = this.bidding;
        if (override === undefined) this.bidFor(market.EXPECTED_STEPS);
        else this.raw.bid(override);
      },
    };
  }

  /** Returns all pages to the pool. The context is restored by itself, highest bid first, when there is room; passes wait for that. */
  suspend(): void {
    this.#changed();
    fallible(() => this.raw.suspend());
  }

  /** @internal */
  bidFor(steps: number): void {
    this.raw.bid(market.sustainableBid(market.observe(this, steps)));
  }

  // What `Forward` and `Generator` share

  /** @internal How many tokens are buffered. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** @internal The buffered tokens on their way to the engine. */
  get unseen(): List {
    return this.#buffer.length > SHORT ? Uint32Array.from(this.#buffer) : this.#buffer;
  }

  /** @internal Appends a token that is one. */
  push(token: number): void {
    this.#buffer.push(token);
  }

  /** @internal Takes back the last tokens of the buffer. */
  unbuffer(tokens: number): void {
    this.#buffer.length = Math.max(0, this.#buffer.length - tokens);
  }

  /** @internal Settles what an abandoned pass left behind, and finds how the pages are filled. Every pass begins with it. */
  begin(): Extent {
    this.#endRerun();
    const { raw } = this;
    this.#extent ??= new Extent(
      this.pageSize,
      raw.committedPageCount(),
      raw.workingPageCount(),
      raw.workingPageTokenCount(),
    );
    return this.#extent;
  }

  /**
   * @internal How many of so many drafts a step is to verify behind the buffered tokens: all of them, or, while pages are short, those that need no page of
   * their own. A guess is not worth waiting for a page, or taking it from somebody.
   */
  affordableDrafts(drafts: number): number {
    if (drafts === 0) return 0;
    const { room } = this.begin().grown(this.buffered);
    // Rents are paid, and paid out, exactly while somebody waits for pages.
    return drafts > room && scheduling.dividend(this.model) > 0 ? room : drafts;
  }

  /** @internal Reserves the pages that are missing and hands the pass to the engine. On an error the context is as it was. */
  submit(pass: Pass, begun: Extent): Submitted {
    const missing = begun.missingPages(slotCount(pass));
    this.#changed();
    const change = this.#changes;
    if (missing > 0) fallible(() => this.raw.reserveWorkingPages(missing));
    const raw = new bindings.inference.ForwardPass(this.model.raw);
    try {
      raw.context(this.raw);
      describe(pass, raw);
      const pending = raw.execute();
      return { pending, extent: missing > 0 ? begun.reserved(missing) : begun, change };
    } catch (error) {
      this.raw.releaseWorkingPages(missing);
      throw refused(error);
    } finally {
      drop(raw);
    }
  }

  /** @internal Submits the pass of a step: of the buffered tokens, or of the last token once more. */
  submitStep(pass: Pass, begun: Extent, isRerun: boolean): Submitted {
    const submitted = this.submit(pass, begun);
    if (isRerun) {
      this.#ghosts = slotCount(pass);
    } else {
      // The slots are claimed: from here on the tokens are in the sequence, even if nobody waits for the pass.
      this.#buffer = [];
      this.setTail(pass, 0, submitted.extent);
    }
    return submitted;
  }

  /**
   * @internal Submits a pass that feeds the one buffered token and reads one sampler behind it, as nearly all steps do. What is called for other passes is done in one
   * piece here: each call takes the interpreter half a microsecond.
   */
  beginDecode(sampler: RawSampler, mask: Uint32Array | undefined): Decode {
    const { raw, pageSize } = this;
    const { committedPages, workingPages, workingTokens } = this.#extent ?? this.begin();
    const isFull = workingTokens >= workingPages * pageSize;
    const position = committedPages * pageSize + workingTokens;
    this.#changes += 1;
    this.#extent = undefined;
    const change = this.#changes;
    if (isFull) fallible(() => raw.reserveWorkingPages(1));
    const pass = new bindings.inference.ForwardPass(this.model.raw);
    let pending: RawFutureOutput;
    try {
      pass.context(raw);
      pass.inputTokens(this.#buffer, [position]);
      if (mask !== undefined) pass.logitMask(mask);
      pass.sampler(FIRST, sampler);
      pending = pass.execute();
    } catch (error) {
      if (isFull) raw.releaseWorkingPages(1);
      throw refused(error);
    } finally {
      drop(pass);
    }
    this.#tail = { token: this.#buffer[0] as number, position, seqLen: position + 1 };
    this.#buffer = [];
    return { pending, committedPages, workingPages: isFull ? workingPages + 1 : workingPages, workingTokens: workingTokens + 1, change };
  }

  /** @internal What follows when it is done. */
  endDecode({ committedPages, workingPages, workingTokens, change }: Decode): void {
    const extent = new Extent(this.pageSize, committedPages, workingPages, workingTokens);
    if (workingTokens >= this.pageSize) this.commitFullPages(extent, change);
    else if (change === this.#changes) this.#extent = extent;
  }

  /** @internal Ends a pass that only read the last token once more. */
  endRerun(): void {
    this.#endRerun();
  }

  /** @internal Commits what is full after a pass. What the pages are like then is known, if nothing else has happened to them since. */
  commitFullPages(extent: Extent, change: number): void {
    const full = extent.fullPages;
    if (full > 0) fallible(() => this.raw.commitWorkingPages(full));
    if (change === this.#changes) this.#extent = full > 0 ? extent.committed() : extent;
    else this.#changed();
  }

  #changed(): void {
    this.#changes += 1;
    this.#extent = undefined;
  }

  /** @internal The last token that the model has seen; `undefined` when it is not known, as after {@link Context.open}. */
  knownTail(extent: Extent): Tail | undefined {
    return this.#tail?.seqLen === extent.seqLen ? this.#tail : undefined;
  }

  /** @internal Remembers that the sequence ends with the input of the pass and its first drafts, `extent` being how it was before. */
  setTail(pass: Pass, drafts: number, extent: Extent): void {
    const seqLen = extent.seqLen + pass.tokens.length + drafts;
    const [tokens, positions, last] =
      drafts > 0
        ? [pass.drafts ?? NONE, pass.draftPositions ?? NONE, drafts - 1]
        : [pass.tokens, pass.positions, pass.tokens.length - 1];
    const token = tokens[last];
    const position = positions[last];
    this.#tail = token === undefined || position === undefined ? undefined : { token, position, seqLen };
  }

  /** Drops the slots of a pass that read the last token once more, if there are any. */
  #endRerun(): void {
    if (this.#ghosts === 0) return;
    const ghosts = this.#ghosts;
    this.#ghosts = 0;
    this.#changed();
    this.raw.truncateWorkingPageTokens(ghosts);
  }

  /** The buffer as a pass under way, and how the pages are filled once it is done. */
  #submitBuffer(): Submitted | undefined {
    const count = this.#buffer.length;
    if (count === 0) return undefined;
    const begun = this.begin();
    const pass = { tokens: this.unseen, positions: begun.positions(0, count) };
    const submitted = this.submitStep(pass, begun, false);
    return { ...submitted, extent: submitted.extent.grown(count) };
  }

  #flushNow(): void {
    this.#endRerun();
    const underWay = this.#submitBuffer();
    if (underWay === undefined) return;
    outputNow(underWay.pending);
    this.commitFullPages(underWay.extent, underWay.change);
  }
}

function found(
  find: (model: Model['raw'], name: string) => RawContext,
  model: Model,
  name: string,
): Context | undefined {
  const known = checkedText(name, 'the name of a snapshot');
  try {
    return new Context(model, new FromEngine(find(model.raw, known)));
  } catch (error) {
    // The interface says of neither of the two that it fails for another reason.
    if (isRefusal(error)) return undefined;
    throw error;
  }
}
