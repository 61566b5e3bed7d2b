/**
 * What the functions and resources of the interface look like from JavaScript: `wit/` in types. Names are those of the interface in camel case;
 * a `result` is returned or thrown, `none` is `null` (or `undefined`, in other engines), variants are `{ tag, val }`, and lists of numbers may come as arrays or as
 * typed arrays.
 *
 * @module
 */

/** A resource. What it holds in the engine is given back by this method; the engine itself does it when the instance ends. */
export interface Resource {
  [Symbol.dispose]?(): void;
}

/** A list of numbers, in either form. */
export type Numbers = Uint32Array | Float32Array | readonly number[];
/** A list of whole numbers that goes in: an array where it is short, because making a typed array takes longer than handing over a few numbers. */
export type List = Uint32Array | readonly number[];
/** Bytes, in either form. */
export type Bytes = Uint8Array | readonly number[];
/** What is there or not. */
export type Maybe<T> = T | null | undefined;

export interface RawModel extends Resource {
  tokenizer(): RawTokenizer;
}

export interface RawTokenizer extends Resource {
  encode(text: string): Numbers;
  decode(tokens: Uint32Array): string;
  vocabs(): [Numbers, Bytes[]];
  splitRegex(): string;
  specialTokens(): [Numbers, Bytes[]];
}

export interface RawContext extends Resource {
  fork(): RawContext;
  save(name: string): void;
  snapshot(): string;
  destroy(): void;
  tokensPerPage(): number;
  model(): RawModel;
  committedPageCount(): number;
  workingPageCount(): number;
  commitWorkingPages(pages: number): void;
  reserveWorkingPages(pages: number): void;
  releaseWorkingPages(pages: number): void;
  workingPageTokenCount(): number;
  truncateWorkingPageTokens(tokens: number): void;
  suspend(): void;
  bid(value: number): void;
}

/** A case of the variant `sampler`. */
export type RawSampler =
  | { tag: 'multinomial' | 'top-k' | 'top-p' | 'min-p' | 'dist'; val: [number, number] }
  | { tag: 'top-k-top-p'; val: [number, number, number] }
  | { tag: 'embedding' | 'raw-logits' | 'entropy' }
  | { tag: 'logprob'; val: number }
  | { tag: 'logprobs'; val: Uint32Array };

/** A case of the variant `slot-output`. */
export type RawSlot =
  | { tag: 'token'; val: number }
  | { tag: 'distribution'; val: [Numbers, Numbers] }
  | { tag: 'logits'; val: Bytes }
  | { tag: 'embedding'; val: Bytes }
  | { tag: 'logprobs'; val: Numbers }
  | { tag: 'entropy'; val: number };

/** The record `output`: what the engine answered to one pass. */
export interface RawOutput {
  /** One slot for every index asked for. */
  slots: RawSlot[];
  /** Guesses of the engine's drafter. */
  specTokens: Numbers;
  /** The position of each of them. */
  specPositions: Numbers;
}

export interface RawForwardPass extends Resource {
  context(context: RawContext): void;
  inputTokens(tokens: List, positions: List): void;
  inputSpeculativeTokens(tokens: List, positions: List): void;
  outputSpeculativeTokens(flag: boolean): void;
  attentionMask(masks: Uint32Array[]): void;
  logitMask(mask: Uint32Array): void;
  sampler(indices: List, sampler: RawSampler): void;
  adapter(adapter: RawAdapter): void;
  execute(): RawFutureOutput;
}

export interface RawPollable extends Resource {
  ready(): boolean;
  block(): void;
}

/** Something that has not arrived yet. */
export interface RawFuture<T> extends Resource {
  pollable(): RawPollable;
  get(): Maybe<T>;
}

export type RawFutureOutput = RawFuture<RawOutput>;
export type RawFutureString = RawFuture<string>;
export type RawFutureBlob = RawFuture<Bytes>;

export interface RawGrammar extends Resource {
  toString(): string;
}

export interface RawMatcher extends Resource {
  acceptTokens(tokens: Uint32Array): void;
  nextTokenLogitMask(): Numbers;
  isTerminated(): boolean;
  reset(): void;
}

export interface RawAdapter extends Resource {
  destroy(): void;
  fork(name: string): RawAdapter;
  load(path: string): void;
  save(path: string): void;
}

export interface RawSubscription extends RawFuture<string> {
  unsubscribe(): void;
}

/** A `result` inside of something else. */
export type RawResult<T, E> = { tag: 'ok'; val: T } | { tag: 'err'; val: E };

export interface RawChild extends RawFuture<RawResult<string, string>> {
  pid(): string;
  cancel(): void;
}

/** A decoder of tokens to events. */
export interface RawDecoder<E> extends Resource {
  feed(tokens: Uint32Array): E;
  reset(): void;
}

export type RawChatEvent =
  | { tag: 'delta'; val: string }
  | { tag: 'interrupt'; val: number }
  | { tag: 'done'; val: string };
export type RawReasoningEvent = { tag: 'start' } | { tag: 'delta' | 'complete'; val: string };
export type RawToolEvent = { tag: 'start' } | { tag: 'call'; val: [string, string] };

export interface RawMcpSession extends Resource {
  listTools(): string;
  callTool(name: string, args: string): string;
  listResources(): string;
  readResource(uri: string): string;
  listPrompts(): string;
  getPrompt(name: string, args: string): string;
}

export interface AdapterInterface {
  Adapter: {
    create(model: RawModel, name: string): RawAdapter;
    open(model: RawModel, name: string): Maybe<RawAdapter>;
  };
}

export interface ChatInterface {
  system(model: RawModel, message: string): Numbers;
  user(model: RawModel, message: string): Numbers;
  assistant(model: RawModel, message: string): Numbers;
  cue(model: RawModel): Numbers;
  seal(model: RawModel): Numbers;
  stopTokens(model: RawModel): Numbers;
  createDecoder(model: RawModel): RawDecoder<RawChatEvent>;
}

export interface ContextInterface {
  Context: {
    create(model: RawModel): RawContext;
    open(model: RawModel, name: string): RawContext;
    take(model: RawModel, name: string): RawContext;
    delete(model: RawModel, name: string): void;
  };
}

export interface InferenceInterface {
  ForwardPass: new (model: RawModel) => RawForwardPass;
  Grammar: {
    fromJsonSchema(schema: string): RawGrammar;
    json(): RawGrammar;
    fromRegex(pattern: string): RawGrammar;
    fromEbnf(ebnf: string): RawGrammar;
  };
  Matcher: new (grammar: RawGrammar, tokenizer: RawTokenizer) => RawMatcher;
}

export interface McpInterface {
  availableServers(): string[];
  connect(name: string): RawMcpSession;
}

export interface MessagingInterface {
  push(topic: string, message: string): void;
  pull(topic: string): RawFutureString;
  broadcast(topic: string, message: string): void;
  subscribe(topic: string): RawSubscription;
}

export interface ModelInterface {
  Model: { load(name: string): RawModel };
}

export interface ReasoningInterface {
  createDecoder(model: RawModel): RawDecoder<RawReasoningEvent>;
}

export interface RuntimeInterface {
  version(): string;
  instanceId(): string;
  username(): string;
  models(): string[];
  launch(program: string, input: string): RawChild;
}

export interface SchedulingInterface {
  price(): number;
  rent(context: RawContext): number;
  dividend(model: RawModel): number;
  latency(context: RawContext): number;
  balance(model: RawModel): number;
}

export interface SessionInterface {
  send(message: string): void;
  receive(): RawFutureString;
  sendFile(data: Uint8Array): void;
  receiveFile(): RawFutureBlob;
}

export interface ToolUseInterface {
  equip(model: RawModel, tools: string[]): Numbers;
  answer(model: RawModel, name: string, value: string): Numbers;
  createDecoder(model: RawModel): RawDecoder<RawToolEvent>;
  format(model: RawModel, tools: string[]): Maybe<RawGrammar>;
  createMatcher(model: RawModel, tools: string[]): RawMatcher;
}

export interface WaitInterface {
  forOutput(pending: RawFutureOutput): Promise<Maybe<RawOutput>>;
  forString(pending: RawFutureString): Promise<Maybe<string>>;
  forBlob(pending: RawFutureBlob): Promise<Maybe<Bytes>>;
  forChild(child: RawChild): Promise<Maybe<RawResult<string, string>>>;
  forMessage(subscription: RawSubscription): Promise<Maybe<string>>;
  sleep(nanoseconds: number): Promise<void>;
}

export interface ZoInterface {
  adapterSeed(pass: RawForwardPass, seed: number): void;
  initialize(
    adapter: RawAdapter,
    rank: number,
    alpha: number,
    populationSize: number,
    muFraction: number,
    initialSigma: number,
  ): void;
  update(adapter: RawAdapter, scores: Float32Array, seeds: BigInt64Array, maxSigma: number): void;
}

// WASI, as far as it is used.

export interface RawInputStream extends Resource {
  read(length: number): Bytes;
  blockingRead(length: number): Bytes;
  subscribe(): RawPollable;
}

export interface RawOutputStream extends Resource {
  blockingWriteAndFlush(bytes: Uint8Array): void;
  checkWrite(): number | bigint;
  write(bytes: Uint8Array): void;
  flush(): void;
  subscribe(): RawPollable;
}

export interface RawDatetime {
  seconds: number;
  nanoseconds: number;
}

export interface RawStat {
  type: string;
  size: number;
  dataModificationTimestamp: Maybe<RawDatetime>;
}

export interface RawDirectoryEntries extends Resource {
  readDirectoryEntry(): Maybe<{ type: string; name: string }>;
}

export interface RawDescriptor extends Resource {
  read(length: number, offset: number): [Bytes, boolean];
  write(buffer: Uint8Array, offset: number): number;
  readDirectory(): RawDirectoryEntries;
  stat(): RawStat;
  createDirectoryAt(path: string): void;
  statAt(pathFlags: { symlinkFollow: boolean }, path: string): RawStat;
  openAt(
    pathFlags: { symlinkFollow: boolean },
    path: string,
    openFlags: { create: boolean; directory: boolean; exclusive: boolean; truncate: boolean },
    flags: {
      read: boolean;
      write: boolean;
      fileIntegritySync: boolean;
      dataIntegritySync: boolean;
      requestedWriteSync: boolean;
      mutateDirectory: boolean;
    },
  ): RawDescriptor;
  removeDirectoryAt(path: string): void;
  renameAt(path: string, descriptor: RawDescriptor, newPath: string): void;
  unlinkFileAt(path: string): void;
}

export interface EnvironmentInterface {
  getEnvironment(): [string, string][];
}

export interface StdoutInterface {
  getStdout(): RawOutputStream;
}

export interface StderrInterface {
  getStderr(): RawOutputStream;
}

export interface MonotonicClockInterface {
  now(): number | bigint;
}

export interface RandomInterface {
  getRandomBytes(length: number): Bytes;
}

export interface InsecureInterface {
  getInsecureRandomBytes(length: number): Bytes;
}

export interface PreopensInterface {
  getDirectories(): [RawDescriptor, string][];
}

export interface PollInterface {
  poll(pollables: RawPollable[]): Numbers;
}
