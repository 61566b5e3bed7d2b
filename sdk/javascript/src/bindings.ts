/// <reference path="./engine-modules.d.ts" />
/**
 * The interface between inferlet and engine: the one file that imports from outside. The modules exist inside a component; the tests of this package
 * have others in their place (`tests/fake`).
 *
 * Engines export the functions and resources of an interface by name, or as one default object.
 *
 * @module
 */

import * as adapterModule from 'pie:core/adapter';
import * as chatModule from 'pie:instruct/chat';
import * as contextModule from 'pie:core/context';
import * as inferenceModule from 'pie:core/inference';
import * as mcpModule from 'pie:mcp/client';
import * as messagingModule from 'pie:core/messaging';
import * as modelModule from 'pie:core/model';
import * as reasoningModule from 'pie:instruct/reasoning';
import * as runtimeModule from 'pie:core/runtime';
import * as schedulingModule from 'pie:core/scheduling';
import * as sessionModule from 'pie:core/session';
import * as toolUseModule from 'pie:instruct/tool-use';
import * as waitModule from 'pie:core/wait';
import * as zoModule from 'pie:zo/zo';

import * as environmentModule from 'wasi:cli/environment';
import * as insecureModule from 'wasi:random/insecure';
import * as monotonicClockModule from 'wasi:clocks/monotonic-clock';
import * as preopensModule from 'wasi:filesystem/preopens';
import * as randomModule from 'wasi:random/random';
import * as stderrModule from 'wasi:cli/stderr';
import * as stdoutModule from 'wasi:cli/stdout';

import type {
  AdapterInterface,
  ChatInterface,
  ContextInterface,
  EnvironmentInterface,
  InferenceInterface,
  InsecureInterface,
  McpInterface,
  MessagingInterface,
  ModelInterface,
  MonotonicClockInterface,
  PreopensInterface,
  RandomInterface,
  ReasoningInterface,
  RuntimeInterface,
  SchedulingInterface,
  SessionInterface,
  StderrInterface,
  StdoutInterface,
  ToolUseInterface,
  WaitInterface,
  ZoInterface,
} from './interfaces.ts';

function face<T>(module: object): T {
  return ('default' in module ? module.default : module) as T;
}

export const adapter: AdapterInterface = face(adapterModule);
export const chat: ChatInterface = face(chatModule);
export const context: ContextInterface = face(contextModule);
export const inference: InferenceInterface = face(inferenceModule);
export const mcp: McpInterface = face(mcpModule);
export const messaging: MessagingInterface = face(messagingModule);
export const model: ModelInterface = face(modelModule);
export const reasoning: ReasoningInterface = face(reasoningModule);
export const runtime: RuntimeInterface = face(runtimeModule);
export const scheduling: SchedulingInterface = face(schedulingModule);
export const session: SessionInterface = face(sessionModule);
export const toolUse: ToolUseInterface = face(toolUseModule);
export const wait: WaitInterface = face(waitModule);
export const zo: ZoInterface = face(zoModule);

export const environment: EnvironmentInterface = face(environmentModule);
export const insecure: InsecureInterface = face(insecureModule);
export const monotonicClock: MonotonicClockInterface = face(monotonicClockModule);
export const preopens: PreopensInterface = face(preopensModule);
export const random: RandomInterface = face(randomModule);
export const stderr: StderrInterface = face(stderrModule);
export const stdout: StdoutInterface = face(stdoutModule);

let network: Promise<{ types: unknown; handler: unknown }> | undefined;

/** Outgoing HTTP, which only a program has whose manifest permits hosts. */
export function http(): Promise<{ types: unknown; handler: unknown }> {
  network ??= found();
  return network;
}

/** What HTTP is made of, which a program that responds has too. */
export async function httpTypes(): Promise<unknown> {
  return face(await import('wasi:http/types'));
}

async function found(): Promise<{ types: unknown; handler: unknown }> {
  const types = await import('wasi:http/types');
  const handler = await import('wasi:http/outgoing-handler');
  return { types: face(types), handler: face(handler) };
}
