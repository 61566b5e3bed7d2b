/**
 * What crosses to the engine. A value of a wrong type would end the instance there, without a word; so it is looked at here, and refused with one.
 *
 * @module
 */

import { InferletError } from './errors.ts';
import type { Bytes, Numbers, Resource } from './interfaces.ts';

/** The largest number that goes into one place; lists may have larger ones. */
const LARGEST = 2 ** 31 - 1;
const LARGEST_TOKEN = 2 ** 32 - 1;

/** Calls a function of the interface that can fail; its error text becomes an {@link InferletError}. */
export function fallible<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw refused(error);
  }
}

/** The error of a function of the interface as an {@link InferletError}; any other as it is. */
export function refused(error: unknown): unknown {
  return isRefusal(error) ? new InferletError(String(error.payload)) : error;
}

/** Whether an error is one that a function of the interface returned. */
export function isRefusal(error: unknown): error is { payload: unknown } {
  return typeof error === 'object' && error !== null && 'payload' in error;
}

/** Gives back what a resource holds in the engine. */
export function drop(resource: Resource | null | undefined): void {
  resource?.[Symbol.dispose]?.();
}

const owners = new FinalizationRegistry<Resource>((resource) => {
  try {
    drop(resource);
  } catch {
    // Somebody still waits for it: it goes with the instance.
  }
});

/** Has a resource given back when nobody can reach its owner any more, for programs that do not do it themselves. */
export function owned<R extends Resource>(owner: object, resource: R): R {
  // Not the owner itself as the token: QuickJS would keep it.
  owners.register(owner, resource, resource);
  return resource;
}

/** Gives back a resource that was {@link owned}. */
export function disowned(resource: Resource): void {
  owners.unregister(resource);
  drop(resource);
}

/** Numbers of the engine as a typed array. */
export function u32s(numbers: Numbers): Uint32Array {
  return numbers instanceof Uint32Array ? numbers : Uint32Array.from(numbers);
}

/** Numbers of the engine as a typed array. */
export function f32s(numbers: Numbers): Float32Array {
  return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
}

/** Bytes of the engine as a typed array. */
export function u8s(bytes: Bytes): Uint8Array {
  return bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes);
}

/** A list of token ids, positions or run lengths. */
export function list(values: Iterable<number>, what: string): Uint32Array {
  if (values instanceof Uint32Array) return values;
  if (typeof values === 'string') {
    throw new InferletError(`${what} are numbers, not text: encode it, with \`model.tokenizer().encode(text)\``);
  }
  if (typeof (values as Partial<Iterable<number>> | null)?.[Symbol.iterator] !== 'function') {
    throw new InferletError(`${what} are a list of numbers, not ${described(values)}`);
  }
  const numbers = Array.isArray(values) ? (values as number[]) : [...values];
  for (let index = 0; index < numbers.length; index += 1) {
    const number = numbers[index] as number;
    if (!Number.isInteger(number) || number < 0 || number > LARGEST_TOKEN) {
      throw new InferletError(`${what} are whole numbers from 0, not ${described(number)} (at index ${index})`);
    }
  }
  return Uint32Array.from(numbers);
}

/** A whole number from 0 on. */
export function count(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > LARGEST) {
    throw new InferletError(`${what} is a whole number from 0 to ${LARGEST}, not ${described(value)}`);
  }
  return value;
}

/** A whole number with a sign. */
export function integer(value: number, what: string): number {
  if (!Number.isSafeInteger(value)) {
    throw new InferletError(`${what} is a whole number that a \`number\` holds exactly, not ${described(value)}`);
  }
  return value;
}

/** Any number. */
export function real(value: number, what: string): number {
  if (typeof value !== 'number') throw new InferletError(`${what} is a number, not ${described(value)}`);
  return value;
}

/** What text can do since ES2024, which the program's own settings may not know of. */
interface WellFormed {
  isWellFormed(): boolean;
  toWellFormed(): string;
}

/** Text, with halves of characters replaced: the interface has none. */
export function text(value: string, what: string): string {
  if (typeof value !== 'string') throw new InferletError(`${what} is text, not ${described(value)}`);
  const text = value as unknown as WellFormed;
  return text.isWellFormed() ? value : text.toWellFormed();
}

/** A value in a word or two, for errors. */
export function described(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return `\`${String(value)}\``;
  if (typeof value === 'string') return `\`${value.length > 40 ? `${value.slice(0, 40)}…` : value}\``;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Promise) return 'a promise (is an `await` missing?)';
  const name = (value as object).constructor?.name;
  return name && name !== 'Object' ? `a \`${name}\`` : 'an object';
}
