/** Waiting for the engine: each wait is a promise, and others run meanwhile. */

import * as bindings from './bindings.ts';
import { drop } from './boundary.ts';
import { InferletError } from './errors.ts';
import type { RawFutureOutput, RawOutput, RawPollable } from './interfaces.ts';

/** How much is waited for at this moment. */
export const waits: { open: number } = { open: 0 };

/** Waits for something of the engine. */
export function arrival<T>(promise: Promise<T>): Promise<T> {
  waits.open += 1;
  return promise.then(
    (value) => {
      waits.open -= 1;
      return value;
    },
    (error: unknown) => {
      waits.open -= 1;
      throw error;
    },
  );
}

/** Waits for the output of a pass. */
export function outputOf(pending: RawFutureOutput): Promise<RawOutput> {
  waits.open += 1;
  // Not an `async` function: each takes some microseconds.
  return bindings.wait.forOutput(pending).then((output) => {
    waits.open -= 1;
    drop(pending);
    return given(output);
  });
}

/** Waits for so many nanoseconds, at least one. */
export function sleep(nanoseconds: number): Promise<void> {
  return arrival(bindings.wait.sleep(nanoseconds));
}

/** The same while the whole program waits. */
export function outputNow(pending: RawFutureOutput): RawOutput {
  const pollable = pending.pollable();
  try {
    pollable.block();
    return given(pending.get());
  } finally {
    drop(pollable);
    drop(pending);
  }
}

/** An output that has come. */
export function given(output: RawOutput | null | undefined): RawOutput {
  if (output) return output;
  throw new InferletError('the engine gave no output for this pass');
}

/** How long to wait before a pollable is asked again, which has no promise of its own. */
const AGAIN_NS = 1_000_000;
/** How many turns what goes on besides has, to begin to wait too. */
const TURNS = 50;

/** How many pollables are waited for. */
let pollables = 0;

/** Waits until a pollable of WASI is ready. Where nothing else is waited for, the whole program waits, which is exact; else it asks again and again. */
export async function ready(pollable: RawPollable, signal?: AbortSignal | null): Promise<void> {
  pollables += 1;
  try {
    for (let turn = 0; turn < TURNS; turn += 1) await undefined;
    while (!pollable.ready()) {
      signal?.throwIfAborted();
      if (waits.open === 0 && pollables === 1) pollable.block();
      else await sleep(AGAIN_NS);
    }
  } finally {
    pollables -= 1;
    drop(pollable);
  }
}
