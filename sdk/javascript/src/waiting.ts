/** Waiting for the engine: each wait is a promise, and others run meanwhile. */

import * as bindings from './bindings.ts';
import { drop } from './boundary.ts';
import { InferletError } from './errors.ts';
import type { RawFutureOutput, RawOutput, RawPollable } from './interfaces.ts';

/** Waits for the output of a pass. */
export function outputOf(pending: RawFutureOutput): Promise<RawOutput> {
  // Not an `async` function: each takes some ten microseconds.
  return bindings.wait.forOutput(pending).then((output) => {
    drop(pending);
    return given(output);
  });
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

function given(output: RawOutput | null | undefined): RawOutput {
  if (output) return output;
  throw new InferletError('the engine gave no output for this pass');
}

/** How long to wait before a pollable is asked again, which has no promise of its own. */
const AGAIN_NS = 1_000_000;

/** Waits until a pollable of WASI is ready. */
export async function ready(pollable: RawPollable, signal?: AbortSignal | null): Promise<void> {
  try {
    while (!pollable.ready()) {
      signal?.throwIfAborted();
      await bindings.wait.sleep(AGAIN_NS);
    }
  } finally {
    drop(pollable);
  }
}
