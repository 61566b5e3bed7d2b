/** Every row of the reference page: its name, what it takes, and exactly what it gives. */

import {
  Adapter, Context, Distribution, Entropy, Forward, GenStep, Generator, Grammar, GrammarConstraint, Logits, Logprob, Logprobs, Matcher, McpSession, Model,
  Output, Probe, ProbeHandle, SampleHandle, Sampler, Subscription, Tokenizer, anyJson, chat, ebnf, grammar, jsonSchema, launch, mcp, messaging, reasoning,
  regex, runtime, scheduling, session, tool, tools, zo,
} from 'inferlet';
import type { Constrains, Constraint, GenerateOptions, RawOutput, Schema, Speculator } from 'inferlet';

import { ctx as around, model } from '../reference/around.ts';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Checks that a value has exactly a type. */
function is<T>() {
  return <V>(_value: V, _same: Same<V, T>): void => {};
}

// Runtime
is<string[]>()(runtime.models(), true);
is<string>()(runtime.version(), true);
is<string>()(runtime.instanceId(), true);
is<string>()(runtime.username(), true);

// Model and tokenizer
is<Model>()(Model.load('default'), true);
const tk = model.tokenizer();
is<Tokenizer>()(tk, true);
is<Uint32Array>()(tk.encode('a'), true);
is<string>()(tk.decode(new Uint32Array()), true);
is<[Uint32Array, Uint8Array[]]>()(tk.vocabs(), true);
is<[Uint32Array, Uint8Array[]]>()(tk.specialTokens(), true);
is<string>()(tk.splitRegex(), true);

// Context
const ctx = new Context(model);
const disposable: Disposable = ctx;
is<Context | undefined>()(Context.open(model, 'none'), true);
is<Context | undefined>()(Context.take(model, 'none'), true);
ctx.save('rows');
is<void>()(Context.delete(model, 'rows'), true);
is<Context>()(ctx.fork(), true);
is<string>()(ctx.snapshot(), true);
const chained: Context = ctx.system('s').user('u').assistant('a').cue().seal().append([1]).appendText('t');
const flushed: Promise<void> = ctx.flush();
await flushed;
is<Model>()(ctx.model, true);
is<number>()(ctx.pageSize, true);
is<number>()(ctx.seqLen, true);
is<Uint32Array>()(ctx.buffer(), true);
is<void>()(ctx.truncate(0), true);
ctx.setBid(1.5);
const idle: Disposable = ctx.idle();
idle[Symbol.dispose]();
export function wrong(): void {
  // @ts-expect-error: it is not to be changed.
  ctx.seqLen = 3;
}

// Generating
const speculator: Speculator = {
  draft: () => [new Uint32Array(), new Uint32Array()],
  accept: (_tokens: Uint32Array) => {},
  rollback: (_n: number) => {},
  reset: () => {},
};
const adapter = Adapter.create(model, 'rows');
const options: Required<GenerateOptions> = {
  maxTokens: 3,
  stop: new Set([1]),
  constrain: [anyJson(), jsonSchema('{}')],
  logitMask: new Uint32Array(),
  speculator,
  systemSpeculation: false,
  adapter,
  zoSeed: 1,
  horizon: 10,
  autoFlush: true,
};
const names: Same<
  keyof GenerateOptions,
  | 'maxTokens' | 'stop' | 'constrain' | 'logitMask' | 'speculator' | 'systemSpeculation' | 'adapter' | 'zoSeed' | 'horizon' | 'autoFlush'
> = true;
is<number | undefined>()(({} as GenerateOptions).maxTokens, true);
is<Iterable<number> | undefined>()(({} as GenerateOptions).stop, true);
is<Constrains | readonly Constrains[] | undefined>()(({} as GenerateOptions).constrain, true);
const g: Generator = around.fork().generate(Sampler.topP(0.6, 0.95), { maxTokens: 3 });
const same: Generator = g.maxTokens(2).stop([9]).addStop([8]).constrain({ step: () => new Uint32Array() }).horizon(4).adapter(adapter).zoSeed(3);
is<ProbeHandle>()(same.probeEachStep(0, Entropy()), true);
is<number>()(g.tokensGenerated, true);
is<boolean>()(g.isDone, true);
is<Promise<Uint32Array>>()(g.collectTokens(), true);
const generate = (constrain?: Constrains): Generator =>
  around.fork().generate(Sampler.argmax(), constrain === undefined ? { maxTokens: 9 } : { maxTokens: 9, constrain });
is<Promise<string>>()(generate().collectText(), true);
is<Promise<unknown>>()(generate().collectJson(), true);
is<Promise<number[]>>()(generate().collectJson<number[]>(), true);
is<Promise<number[]>>()(generate().collectJson<number[]>({ schema: '{}' }), true);
is<Promise<number>>()(generate().collectJson({ schema: '{}', parse: (val) => val.length as number }), true);
for await (const step of generate()) {
  is<GenStep>()(step, true);
  const handle: ProbeHandle = step.clearSampler().probe(0, Distribution(1, 1));
  const out: Output = await step.execute();
  const [ids] = out.distribution(handle) ?? [[0]];
  const accepted: Uint32Array = generate().accept([1]);
  is<Uint32Array>()(accepted, true);
  // Whoever chooses goes on, but this is enough here.
  if (ids.length === 1) break;
}

// Forward passes
const fwd = new Context(model).forward();
is<Forward>()(fwd, true);
is<number>()(fwd.startPosition(), true);
const built: Forward = fwd.input([1, 2]).inputAt([3], [2]).attentionMask([[0, 1], [0, 2], [0, 3]]).mask([0, 64]).adapter(adapter).zoSeed(1);
const h = built.sample([0, 1], Sampler.argmax());
is<SampleHandle>()(h, true);
const p = built.probe(2, Logits());
is<ProbeHandle>()(p, true);
const out = await built.execute();
is<number | undefined>()(out.token(h), true);
is<Uint32Array>()(out.tokensAt(h), true);
is<[Uint32Array, Float32Array] | undefined>()(out.distribution(p), true);
is<Uint8Array | undefined>()(out.logits(p), true);
is<Float32Array | undefined>()(out.logprobs(p), true);
is<number | undefined>()(out.entropy(p), true);
is<Uint32Array>()(out.tokens, true);
is<SampleHandle | undefined>()(out.autoSampler, true);
is<RawOutput | undefined>()(out.raw, true);
// @ts-expect-error: what a probe read is no token.
is<number | undefined>()(out.token(p), true);

// Samplers and probes
for (const sampler of [
  Sampler.argmax(), Sampler.topP(0.5, 0.9), Sampler.topK(0.5, 4), Sampler.minP(0.5, 0.1), Sampler.topKTopP(0.5, 4, 0.9), Sampler.multinomial(0.5, 1),
]) {
  is<Sampler>()(sampler, true);
}
for (const probe of [Logits(), Distribution(1, 0), Logprob(1), Logprobs([1]), Entropy()]) is<Probe>()(probe, true);

// Constraints
const compiled: Grammar = Grammar.fromRegex('ab');
for (const schema of [anyJson(), jsonSchema('{}'), regex('ab'), ebnf('start: "ab"'), grammar(compiled)]) is<Schema>()(schema, true);
for (const made of [Grammar.fromJsonSchema('{}'), Grammar.json(), Grammar.fromRegex('a'), Grammar.fromEbnf('start: "a"')]) is<Grammar>()(made, true);
for (const made of [
  GrammarConstraint.fromGrammar(compiled, model), GrammarConstraint.fromJsonSchema('{}', model), GrammarConstraint.json(model),
  GrammarConstraint.fromRegex('a', model), GrammarConstraint.fromEbnf('start: "a"', model),
]) {
  is<GrammarConstraint>()(made, true);
  const constraint: Constraint = made;
  is<Uint32Array>()(constraint.step(new Uint32Array()), true);
}
const m = new Matcher(Grammar.json(), model.tokenizer());
is<void>()(m.acceptTokens([]), true);
is<Uint32Array>()(m.nextTokenLogitMask(), true);
is<boolean>()(m.isTerminated(), true);
is<void>()(m.reset(), true);
await generate(new GrammarConstraint(m)).collectText();

// Adapters
is<Adapter | undefined>()(Adapter.open(model, 'rows'), true);
is<Adapter>()(adapter.fork('rows-2'), true);
is<void>()(adapter.save('/scratch/a'), true);
is<void>()(adapter.load('/scratch/a'), true);
zo.initialize(adapter, { rank: 1, alpha: 1, populationSize: 1, muFraction: 1, initialSigma: 1 });
zo.update(adapter, [1], [1], 1);
is<void>()(adapter.destroy(), true);
const handleOfIt: Disposable = adapter;

// Decoders
is<
  { type: 'idle' } | { type: 'delta'; text: string } | { type: 'done'; text: string } | { type: 'interrupt'; token: number }
>()(new chat.Decoder(model).feed([1]), true);
is<Uint32Array>()(chat.system(model, 's'), true);
is<Uint32Array>()(chat.user(model, 's'), true);
is<Uint32Array>()(chat.assistant(model, 's'), true);
is<Uint32Array>()(chat.cue(model), true);
is<Uint32Array>()(chat.seal(model), true);
is<Uint32Array>()(chat.stopTokens(model), true);
const thinking = new reasoning.Decoder(model);
is<{ type: 'idle' } | { type: 'start' } | { type: 'delta'; text: string } | { type: 'end'; text: string }>()(thinking.feed([1]), true);
thinking.reset();
is<{ type: 'start' } | { type: 'call'; name: string; args: string }>()(new tools.Decoder(model).feed([1]), true);
const add = tool({ name: 'add', description: 'Adds.', parameters: { type: 'object' }, execute: ({ a = 1, b = 2 }) => a + b });
is<Uint32Array>()(tools.equipPrefix(model, [add, '{"name":"x"}', { name: 'y' }]), true);
is<Uint32Array>()(tools.answerPrefix(model, 'add', [1, 2]), true);
is<Matcher | undefined>()(tools.nativeMatcher(model, [add]), true);
is<Promise<string>>()(add.call('{}'), true);

// The outside
is<void>()(session.send({ any: 'value' }), true);
is<void>()(session.sendFile(new Uint8Array()), true);
const text: () => Promise<string> = session.receive;
const file: () => Promise<Uint8Array> = session.receiveFile;
is<void>()(messaging.broadcast('topic', 'text'), true);
is<void>()(messaging.push('topic', 'text'), true);
is<Promise<string>>()(messaging.pull('topic'), true);
const sub = messaging.subscribe('topic');
is<Subscription>()(sub, true);
const iterable: AsyncIterable<string> & Disposable = sub;
messaging.broadcast('topic', 'text');
is<string | undefined>()(await sub.next(), true);
is<void>()(sub.unsubscribe(), true);
is<string[]>()(mcp.availableServers(), true);
const s = mcp.connect('files');
is<McpSession>()(s, true);
for (const json of [
  s.listTools(), s.callTool('x', {}), s.listResources(), s.readResource('file:///x'), s.listPrompts(), s.getPrompt('x', {}),
]) {
  is<string>()(json, true);
}
for (const amount of [
  scheduling.balance(model), scheduling.rent(ctx), scheduling.dividend(model), scheduling.latency(ctx), scheduling.price(),
]) {
  is<number>()(amount, true);
}
const child = launch('echo', { part: 1 });
is<{ part: number }>()(await child.answer<{ part: number }>(), true);
is<void>()(ctx.release(), true);

export const used = [disposable, chained, names, options, handleOfIt, text, file, iterable];
