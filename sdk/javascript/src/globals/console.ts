/** `console`: lines on standard output and standard error. */

import * as bindings from '../bindings.ts';
import { isRefusal } from '../boundary.ts';
import type { RawOutputStream } from '../interfaces.ts';
import { TextEncoder } from './encoding.ts';
import { formatted, inspect } from './inspect.ts';

/** The most bytes that a stream takes at once. */
const PIECE = 4096;

const encoder = new TextEncoder();
let out: RawOutputStream | undefined;
let err: RawOutputStream | undefined;

/** Writes a text to standard output. */
export function print(text: string): void {
  out ??= bindings.stdout.getStdout();
  write(out, text);
}

/** Writes a text to standard error. */
export function printError(text: string): void {
  err ??= bindings.stderr.getStderr();
  write(err, text);
}

function write(stream: RawOutputStream, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let start = 0; start < bytes.length; start += PIECE) {
      stream.blockingWriteAndFlush(bytes.slice(start, start + PIECE));
    }
  } catch (error) {
    // Nobody reads it: that is no reason to end the program.
    if (!isRefusal(error)) throw error;
  }
}

/** What the program prints. */
export class Console {
  #indent = '';
  #counts = new Map<string, number>();
  #times = new Map<string, number>();

  /** A line on standard output. */
  log(...values: unknown[]): void {
    this.#line(print, values);
  }

  /** The same as {@link Console.log}. */
  info(...values: unknown[]): void {
    this.#line(print, values);
  }

  /** The same as {@link Console.log}. */
  debug(...values: unknown[]): void {
    this.#line(print, values);
  }

  /** A line on standard error. */
  error(...values: unknown[]): void {
    this.#line(printError, values);
  }

  /** The same as {@link Console.error}. */
  warn(...values: unknown[]): void {
    this.#line(printError, values);
  }

  /** A line on standard error, and from where it was called. */
  trace(...values: unknown[]): void {
    const [head, ...frames] = (new Error().stack ?? '').trimEnd().split('\n');
    const stack = head?.startsWith('Error') ? frames.slice(1) : frames;
    this.#line(printError, [`Trace: ${formatted(values)}\n${stack.join('\n')}`.trimEnd()]);
  }

  /** A line on standard error if `condition` does not hold. */
  assert(condition?: unknown, ...values: unknown[]): void {
    if (!condition) this.#line(printError, values.length > 0 ? ['Assertion failed:', ...values] : ['Assertion failed']);
  }

  /** A value on standard output, as it is. */
  dir(value?: unknown): void {
    this.#line(print, [inspect(value)]);
  }

  /** Rows on standard output. */
  table(rows?: unknown): void {
    this.#line(print, [rows]);
  }

  /** How often it was called with this label. */
  count(label: string = 'default'): void {
    const count = (this.#counts.get(label) ?? 0) + 1;
    this.#counts.set(label, count);
    this.#line(print, [`${label}: ${count}`]);
  }

  /** Counts from the beginning again. */
  countReset(label: string = 'default'): void {
    this.#counts.delete(label);
  }

  /** Begins to take the time. */
  time(label: string = 'default'): void {
    this.#times.set(label, Number(bindings.monotonicClock.now()));
  }

  /** How long it is since {@link Console.time}. */
  timeLog(label: string = 'default', ...values: unknown[]): void {
    const start = this.#times.get(label);
    if (start === undefined) return this.warn(`there is no timer \`${label}\``);
    this.#line(print, [`${label}: ${(Number(bindings.monotonicClock.now()) - start) / 1e6} ms`, ...values]);
  }

  /** The same, and forgets when it began. */
  timeEnd(label: string = 'default'): void {
    this.timeLog(label);
    this.#times.delete(label);
  }

  /** Indents what follows. */
  group(...values: unknown[]): void {
    if (values.length > 0) this.log(...values);
    this.#indent += '  ';
  }

  /** The same as {@link Console.group}. */
  groupCollapsed(...values: unknown[]): void {
    this.group(...values);
  }

  /** Ends an indentation. */
  groupEnd(): void {
    this.#indent = this.#indent.slice(2);
  }

  #line(write: (text: string) => void, values: readonly unknown[]): void {
    write(`${this.#indent}${formatted(values).replaceAll('\n', `\n${this.#indent}`)}\n`);
  }
}

/** A `console` whose methods can be handed on by themselves. */
export function makeConsole(): Console {
  const made = new Console();
  for (const name of Object.getOwnPropertyNames(Console.prototype)) {
    const method: unknown = made[name as keyof Console];
    if (name !== 'constructor' && typeof method === 'function') {
      Object.defineProperty(made, name, { value: method.bind(made), writable: true, configurable: true, enumerable: true });
    }
  }
  return made;
}
