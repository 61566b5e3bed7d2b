/** Timers, in the engine's time: virtual in test runs. */

import { InferletError } from '../errors.ts';
import { described } from '../boundary.ts';
import { sleep as slept } from '../waiting.ts';
import { called } from './fault.ts';

/** Identifies a timer. */
export type Timer = number;

/** The longest time, in milliseconds: some 24 days, as elsewhere. */
const LONGEST = 2 ** 31 - 1;

let last = 0;
const open = new Set<Timer>();

/** Calls a function once, after so many milliseconds. */
export function setTimeout(callback: (_: void) => unknown, delay?: number): Timer;
/** Calls a function once, after so many milliseconds. */
export function setTimeout<A extends unknown[]>(callback: (...args: A) => unknown, delay?: number, ...args: A): Timer;
export function setTimeout(callback: (...args: any[]) => unknown, delay: number = 0, ...args: unknown[]): Timer {
  return started(callback, delay, args, false);
}

/** Calls a function again and again. */
export function setInterval(callback: (_: void) => unknown, delay?: number): Timer;
/** Calls a function again and again. */
export function setInterval<A extends unknown[]>(callback: (...args: A) => unknown, delay?: number, ...args: A): Timer;
export function setInterval(callback: (...args: any[]) => unknown, delay: number = 0, ...args: unknown[]): Timer {
  return started(callback, delay, args, true);
}

/** Has a timer never call. */
export function clearTimeout(timer?: Timer): void {
  if (timer !== undefined) open.delete(Number(timer));
}

/** The same as {@link clearTimeout}. */
export const clearInterval: typeof clearTimeout = clearTimeout;

/** Calls a function once others have had their turn. */
export function setImmediate(callback: (_: void) => unknown): Timer;
/** Calls a function once others have had their turn. */
export function setImmediate<A extends unknown[]>(callback: (...args: A) => unknown, ...args: A): Timer;
export function setImmediate(callback: (...args: any[]) => unknown, ...args: unknown[]): Timer {
  return started(callback, 0, args, false);
}

function started(callback: (...args: any[]) => unknown, delay: number, args: unknown[], repeats: boolean): Timer {
  if (typeof callback !== 'function') {
    throw new InferletError(`a timer calls a function, not ${described(callback)}`);
  }
  last += 1;
  const timer = last;
  open.add(timer);
  void run(timer, () => callback(...args), nanoseconds(delay), repeats);
  return timer;
}

async function run(timer: Timer, callback: () => unknown, duration: number, repeats: boolean): Promise<void> {
  do {
    await slept(duration);
    if (!open.has(timer)) return;
    if (!repeats) open.delete(timer);
    called(callback);
  } while (open.has(timer));
}

/** At least one, so that others have a turn. */
function nanoseconds(delay: number): number {
  const milliseconds = Number(delay);
  if (!(milliseconds > 0)) return 1;
  return Math.max(1, Math.round(Math.min(milliseconds, LONGEST) * 1e6));
}

/** Waits for so many milliseconds. */
export function sleep(delay: number): Promise<void> {
  return slept(nanoseconds(delay));
}
