/** What is said about an error that ends the run: one line, and the stack in the program's own places. */

import type { Place, Program } from './entry.ts';
import { InferletError } from './errors.ts';
import { inspect } from './globals/inspect.ts';

/** Errors of the language itself, which are mistakes: their kind and line are what helps. */
const MISTAKES = ['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError', 'EvalError', 'URIError', 'InternalError'];

/** What SpiderMonkey throws where there is no more memory: a text, which no stack is with. */
const OUT_OF_MEMORY = 'out of memory';

/** A line of a stack: what is called, and where. */
interface Frame {
  name: string;
  place: Place;
}

/** One line about an error: what it says, if it was thrown to say something; else its kind and the program's line too. */
export function messageOf(error: unknown, program: Program): string {
  if (error === OUT_OF_MEMORY) {
    const place = program.at?.();
    return place === undefined ? OUT_OF_MEMORY : `\`${place.source}\`, line ${place.line}: ${OUT_OF_MEMORY}`;
  }
  if (!(error instanceof Error)) return oneLine(typeof error === 'string' ? error : `the program threw ${inspect(error)}`);
  const text = oneLine(error.message);
  if (error instanceof AggregateError) {
    const inner = error.errors.map((one) => messageOf(one, program)).join('; ');
    return text ? `${text}: ${inner}` : inner;
  }
  if (text !== '' && !MISTAKES.includes(error.name)) return text;
  const named = text === '' ? error.name : `${error.name}: ${text}`;
  const [frame] = frames(error, program);
  return frame === undefined ? named : `\`${frame.place.source}\`, line ${frame.place.line}: ${named}`;
}

/** An error with its stack, in places of the program; `undefined` for a refusal that does not come from a line of it. */
export function shownStack(error: unknown, program: Program): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = frames(error, program);
  if (own.length === 0 && error instanceof InferletError) return undefined;
  const lines = own.map(({ name, place }) => {
    const where = `${place.source}:${place.line}:${place.column}`;
    const line = name === '' || name === '<anonymous>' ? `    at ${where}` : `    at ${name} (${where})`;
    return place.text === undefined ? line : `${line}\n        ${place.text.trim()}`;
  });
  const head = error.message === '' ? error.name : `${error.name}: ${error.message}`;
  const cause = error.cause === undefined ? undefined : (shownStack(error.cause, program) ?? inspect(error.cause));
  return [head, ...lines, ...(cause === undefined ? [] : [`caused by ${cause}`])].join('\n');
}

/** A line of a stack, as each engine writes it: `at name (file:1:2)` and `name@file:1:2`. */
const QUICKJS = /^\s*at (?:(.*?) \()?(.*?):(\d+):(\d+)\)?$/;
const SPIDERMONKEY = /^(.*?)@(.*):(\d+):(\d+)$/;

function frames(error: Error, program: Program): Frame[] {
  const found: Frame[] = [];
  for (const line of String(error.stack ?? '').split('\n')) {
    const [, name = '', file, row, column] = QUICKJS.exec(line) ?? SPIDERMONKEY.exec(line) ?? [];
    if (file !== program.script) continue;
    const place = program.locate(Number(row), Number(column));
    const isKnown = found.some((one) => isSame(one.place, place));
    // What has failed at once is in both parts of a stack.
    if (place !== undefined && !isKnown) found.push({ name: name.replace(/^async[ *]/, ''), place });
  }
  return found;
}

function isSame(a: Place, b: Place | undefined): boolean {
  return a.source === b?.source && a.line === b.line && a.column === b.column;
}

function oneLine(text: string): string {
  return text.split(/\s+/).filter(Boolean).join(' ');
}
