/**
 * Masks in binary run-length encoding: lengths of runs that alternate between false and true, the first one false.
 *
 * `[2, 3]` is false, false, true, true, true; `[0, 5]` is five times true. The same encoding serves for attention masks (over the slots of a context) and
 * for logit masks (over the vocabulary). What these functions return is normal: no run but the first is empty, and the runs add up to the
 * length asked for. They accept masks that are not.
 *
 * @module
 */

import { count, list } from './boundary.ts';

/** A mask, as the SDK takes it. What it returns is a `Uint32Array`. */
export type Brle = Uint32Array | readonly number[];

/**
 * The mask of `length` positions that is true in all of `ranges`, whatever their order and overlap. A range is a pair of start and end; the end is not
 * part of it. Positions from `length` on are left out.
 */
export function fromRanges(ranges: Iterable<readonly [number, number]>, length: number): Uint32Array {
  count(length, 'the length of a mask');
  const cut = Array.from(ranges, ([start, end]): [number, number] => [
    Math.min(count(start, 'the start of a range'), length),
    Math.min(count(end, 'the end of a range'), length),
  ]).filter(([start, end]) => start < end);
  cut.sort(([a], [b]) => a - b);
  const runs = new Runs();
  for (const [begin, end] of cut) {
    const start = Math.max(begin, runs.length);
    runs.push(false, start - runs.length);
    runs.push(true, end - start);
  }
  runs.push(false, length - runs.length);
  return Uint32Array.from(runs.lengths);
}

/** The mask of `length` positions that is true at `indices`, whatever their order. Indices from `length` on are left out. */
export function fromIndices(indices: Iterable<number>, length: number): Uint32Array {
  return fromRanges(
    Array.from(indices, (index) => [index, index + 1] as const),
    length,
  );
}

/** The mask that is true where both are. It is as long as the longer one, and false where the shorter one has ended. */
export function and(a: Brle, b: Brle): Uint32Array {
  const first = new Cursor(a);
  const second = new Cursor(b);
  const runs = new Runs();
  for (;;) {
    const x = first.left();
    const y = second.left();
    if (x === 0 && y === 0) return Uint32Array.from(runs.lengths);
    // A mask that has ended is false from there on, as long as the other one needs.
    const length = x > 0 && y > 0 ? Math.min(x, y) : x || y;
    runs.push(x > 0 && y > 0 && first.value && second.value, length);
    first.advance(length);
    second.advance(length);
  }
}

/** Number of positions that the mask covers. */
export function length(mask: Brle): number {
  let sum = 0;
  for (let run = 0; run < mask.length; run += 1) sum += mask[run] as number;
  return sum;
}

/** Whether the mask is true at `index`. False past its end. */
export function allows(mask: Brle, index: number): boolean {
  let end = 0;
  for (let run = 0; run < mask.length; run += 1) {
    end += mask[run] as number;
    if (index < end) return run % 2 === 1;
  }
  return false;
}

/** The index at which the mask is true, if it is so at one only. */
export function only(mask: Brle): number | undefined {
  let found: number | undefined;
  let start = 0;
  for (let run = 0; run < mask.length; run += 1) {
    const length = mask[run] as number;
    if (run % 2 === 1 && length > 0) {
      if (length > 1 || found !== undefined) return undefined;
      found = start;
    }
    start += length;
  }
  return found;
}

/** Whether the mask is true anywhere. */
export function allowsAny(mask: Brle): boolean {
  for (let run = 1; run < mask.length; run += 2) {
    if ((mask[run] as number) > 0) return true;
  }
  return false;
}

/** @internal */
export function checked(mask: Brle): Uint32Array {
  return list(mask, 'the runs of a mask');
}

/** A mask under construction, kept normal. */
class Runs {
  lengths: number[] = [];
  length = 0;

  push(value: boolean, length: number): void {
    if (length <= 0) return;
    this.length += length;
    const last = this.lengths.length - 1;
    if (last < 0) this.lengths = value ? [0, length] : [length];
    else if ((last % 2 === 1) === value) this.lengths[last] = (this.lengths[last] as number) + length;
    else this.lengths.push(length);
  }
}

/** Reads a mask run by run, in pieces. */
class Cursor {
  #mask: Brle;
  #run = 0;
  #used = 0;

  constructor(mask: Brle) {
    this.#mask = mask;
  }

  get value(): boolean {
    return this.#run % 2 === 1;
  }

  /** What is left of the current run, past empty ones; 0 at the end of the mask. */
  left(): number {
    while (this.#run < this.#mask.length && this.#mask[this.#run] === this.#used) {
      this.#run += 1;
      this.#used = 0;
    }
    return this.#run < this.#mask.length ? (this.#mask[this.#run] as number) - this.#used : 0;
  }

  advance(length: number): void {
    this.#used += Math.min(length, this.left());
  }
}
