/**
 * Between the export of the component and the program: JSON in, JSON out.
 *
 * The language component evaluates this module before anything of the program, and calls {@link start} in its export.
 *
 * @module
 */

import './globals/install.ts';
import { described } from './boundary.ts';
import { InferletError } from './errors.ts';
import { printError } from './globals/console.ts';
import { isAnyFloating, lost, onFault } from './globals/fault.ts';
import { placeStacks } from './globals/inspect.ts';
import type { Request, Response } from './globals/messages.ts';
import type { Resource } from './interfaces.ts';
import * as jsons from './jsons.ts';
import * as http from './respond.ts';
import type { RawRequest } from './respond.ts';
import { messageOf, shownStack } from './trouble.ts';

/** A program, as the language component has it. */
export interface Program {
  /** Evaluates the program's modules, once; rejects with whatever its top level throws. The namespace of its entry. */
  load(): Promise<Record<string, unknown>>;
  /**
   * Where a place in the bundled script comes from (line and column count from 1, as in the stacks of errors). `text` is the line of the source, in
   * debug builds.
   */
  locate(line: number, column: number): Place | undefined;
  /** What frames of the bundled script are called in the stacks of errors. */
  readonly script: string;
  /** The line that it has noted last. Its column is not known. */
  at?(): Place | undefined;
  /** The line in which `main` has returned, once it has. Its column is not known. */
  returned?(): Place | undefined;
}

/** A place in the program's sources. */
export interface Place {
  source: string;
  line: number;
  column: number;
  text?: string | undefined;
}

/** How many turns a promise that nobody waits for has, to reject, when the program has its answer. */
const LAST_TURNS = 100;

/**
 * Runs a program with an input as JSON text; resolves with its output as JSON text.
 *
 * It rejects with an `Error` whose message is the error of the run, one line. The stack, with places of the program's own sources, is printed to standard error
 * before.
 */
export async function start(program: Program, input: string): Promise<string> {
  placeStacks((error) => shownStack(error, program));
  const fault = new Promise<never>((_, reject) => {
    onFault(reject);
  });
  try {
    return await Promise.race([run(program, input), fault]);
  } catch (error) {
    throw new Error(told(error, program));
  }
}

/**
 * Has a program respond to a request. What it throws is a response with status 500 and the error as its text; the stack is printed.
 *
 * It never rejects: there is nobody any more who could be told. The engine says so where there was no response, or cuts it off.
 */
export async function respond(program: Program, request: RawRequest, out: Resource): Promise<void> {
  placeStacks((error) => shownStack(error, program));
  const fault = new Promise<never>((_, reject) => {
    onFault(reject);
  });
  try {
    await Promise.race([responded(program, request, out), fault]);
  } catch (error) {
    told(error, program);
  }
}

async function responded(program: Program, raw: RawRequest, out: Resource): Promise<void> {
  let response: Response;
  try {
    const { handle } = await program.load();
    if (typeof handle !== 'function') {
      throw new InferletError(`\`handle\` is ${described(handle)}, not a function: write \`export async function handle(request)\``);
    }
    response = http.responseOf(await (handle as (request: Request) => unknown)(await http.received(raw)));
  } catch (error) {
    response = http.textual(`${told(error, program)}\n`, 500);
  }
  await http.respond(out, response);
  const unawaited = lost();
  if (unawaited !== undefined) throw unawaited.error;
}

/** Prints the stack of an error; what it comes to in one line. */
function told(error: unknown, program: Program): string {
  const stack = shownStack(error, program);
  if (stack !== undefined) printError(`${stack}\n`);
  return messageOf(error, program);
}

async function run(program: Program, input: string): Promise<string> {
  const main = mainOf(await program.load());
  const result: unknown = await main(parsed(input));
  for (let turn = 0; turn < LAST_TURNS && isAnyFloating(); turn += 1) await undefined;
  const unawaited = lost();
  if (unawaited !== undefined) throw unawaited.error;
  try {
    return jsons.stringify(result);
  } catch (error) {
    if (!(error instanceof InferletError)) throw error;
    const place = program.returned?.();
    const where = place === undefined ? '' : `\`${place.source}\`, line ${place.line}: `;
    throw new InferletError(`${where}the result of \`main\`: ${error.message}`);
  }
}

function mainOf(module: Record<string, unknown>): (input: unknown) => unknown {
  const { main } = module;
  if (typeof main === 'function') {
    if (main.length > 1) {
      throw new InferletError(`\`main\` takes one parameter, the input, which has all fields; this one takes ${main.length}`);
    }
    return main as (input: unknown) => unknown;
  }
  const wanted = 'write `export async function main(input)`';
  if (main !== undefined) throw new InferletError(`\`main\` is ${described(main)}, not a function: ${wanted}`);
  const names = Object.keys(module);
  if (names.length === 1 && names[0] === 'default') {
    throw new InferletError(`the program exports no \`main\`, only a default: ${wanted}`);
  }
  const others = names.length > 0 ? `, only ${names.map((name) => `\`${name}\``).join(', ')}` : '';
  throw new InferletError(`the program exports no \`main\`${others}: ${wanted}`);
}

function parsed(input: string): unknown {
  try {
    return JSON.parse(input.trim() || '{}');
  } catch (error) {
    throw new InferletError(`the input is no JSON: ${(error as Error).message}`);
  }
}
