/// <reference path="./globals/ambient.d.ts" preserve="true" />
/**
 * Write inferlets in JavaScript and TypeScript: programs that run beside a language model and steer it from inside.
 *
 * An inferlet owns contexts (token sequences with their KV pages), runs forward passes over them, samples, constrains, forks, and talks to whoever launched it. It is a
 * WebAssembly component; the engine calls its `main` with an object:
 *
 * ```ts
 * import { Context, Model, Sampler } from 'inferlet';
 *
 * export async function main(input: { name?: string }) {
 *   using ctx = new Context(Model.load('default'));
 *   ctx.user(`Greet ${input.name ?? 'the world'}.`);
 *   return await ctx.generate(Sampler.topP(0.6, 0.95), { maxTokens: 64 }).collectText();
 * }
 * ```
 *
 * Where to read: {@link Context} fills and forks a sequence, {@link Generator} generates behind it, {@link Forward} is a single pass; {@link Sampler} and the probes say
 * what to read from a pass, {@link Output} how to read it; {@link chat}, {@link reasoning} and {@link tools} turn tokens into events; a {@link Schema} or
 * {@link Constraint} restricts what is generated, a {@link Speculator} makes it faster.
 *
 * What waits is a promise, and promises overlap: the passes of `Promise.all` share the engine's steps.
 *
 * @module
 */

export * as brle from './brle.ts';
export * as chat from './chat.ts';
export * as http from './http.ts';
export * as mcp from './mcp.ts';
export * as messaging from './messaging.ts';
export * as reasoning from './reasoning.ts';
export * as runtime from './runtime.ts';
export * as scheduling from './scheduling.ts';
export * as session from './session.ts';
export * as tools from './tools.ts';
export * as zo from './zo.ts';

export { Adapter } from './adapter.ts';
export type { WaitOptions } from './asked.ts';
export type { Brle } from './brle.ts';
export { GrammarConstraint, anyJson, ebnf, grammar, jsonSchema, regex } from './constraint.ts';
export type { Constrains, Constraint, Schema } from './constraint.ts';
export { Context } from './context.ts';
export { InferletError, McpError, SessionEnded } from './errors.ts';
export { EventDecoder } from './events.ts';
export type { EventOptions, GenerationEvent } from './events.ts';
export { Forward } from './forward.ts';
export { Generator } from './generation.ts';
export type { GenerateOptions } from './generation.ts';
export { Grammar, Matcher } from './grammar.ts';
export type { RawOutput, RawSlot } from './interfaces.ts';
export { Child, launch } from './launch.ts';
export { McpSession } from './mcp.ts';
export { Subscription } from './messaging.ts';
export { Model, Tokenizer } from './model.ts';
export { Output, ProbeHandle, SampleHandle } from './output.ts';
export type { Handle } from './output.ts';
export { Distribution, Embedding, Entropy, Logits, Logprob, Logprobs, Probe, Sampler } from './sample.ts';
export type { Speculator } from './speculation.ts';
export type { StandardSchema } from './standard-schema.ts';
export { GenStep } from './step.ts';
export type { JsonOptions } from './structured.ts';
export { Tool, Tools, tool } from './tool.ts';
export type { ToolOptions } from './tool.ts';
