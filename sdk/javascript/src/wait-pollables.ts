/// <reference path="./engine-modules.d.ts" />
/**
 * `pie:core/wait` for engines without async functions of the component model: the same over pollables, in a loop that runs when nothing else is to be done. Waits
 * overlap as they do there.
 *
 * It needs a `setTimeout` of the engine's own, and is evaluated before the SDK has put its own in the place.
 *
 * @module
 */

import * as clockModule from 'wasi:clocks/monotonic-clock';
import * as pollModule from 'wasi:io/poll';

import { drop } from './boundary.ts';
import type {
  Bytes,
  Maybe,
  PollInterface,
  RawChild,
  RawFuture,
  RawOutput,
  RawPollable,
  RawResult,
  RawSubscription,
} from './interfaces.ts';

const clock = face<{ subscribeDuration(duration: bigint): RawPollable }>(clockModule);
const io = face<PollInterface>(pollModule);

function face<T>(module: object): T {
  return ('default' in module ? module.default : module) as T;
}

interface Wait {
  pollable: RawPollable;
  wake: () => void;
}

let waits: Wait[] = [];
/** Those that have come and were not told yet. */
let due: Wait[] = [];
let isPolling = false;
// Before the SDK has its own in the same place.
const later: (callback: () => void, delay: number) => unknown = globalThis.setTimeout;

function ready(pollable: RawPollable): Promise<void> {
  return new Promise((wake) => {
    waits.push({ pollable, wake });
    if (!isPolling) {
      isPolling = true;
      later(poll, 0);
    }
  });
}

/**
 * Everything that could go on has gone on: waits for whatever comes first, and tells one of those who waited. What that one does has its end before the next is told,
 * as where each wait is an async function: so programs do the same in the same order.
 */
function poll(): void {
  if (due.length === 0) {
    const indices = new Set<number>(io.poll(waits.map(({ pollable }) => pollable)));
    due = waits.filter((_, index) => indices.has(index));
    waits = waits.filter((_, index) => !indices.has(index));
  }
  const next = due.shift();
  if (next !== undefined) {
    drop(next.pollable);
    next.wake();
  }
  isPolling = due.length + waits.length > 0;
  if (isPolling) later(poll, 0);
}

async function taken<T>(future: RawFuture<T>): Promise<Maybe<T>> {
  await ready(future.pollable());
  return future.get();
}

/** See `wit/deps/pie-core/wait.wit`. */
export function forOutput(pending: RawFuture<RawOutput>): Promise<Maybe<RawOutput>> {
  return taken(pending);
}

/** See `wit/deps/pie-core/wait.wit`. */
export function forString(pending: RawFuture<string>): Promise<Maybe<string>> {
  return taken(pending);
}

/** See `wit/deps/pie-core/wait.wit`. */
export function forBlob(pending: RawFuture<Bytes>): Promise<Maybe<Bytes>> {
  return taken(pending);
}

/** See `wit/deps/pie-core/wait.wit`. */
export function forChild(child: RawChild): Promise<Maybe<RawResult<string, string>>> {
  return taken(child);
}

/** See `wit/deps/pie-core/wait.wit`. */
export function forMessage(subscription: RawSubscription): Promise<Maybe<string>> {
  return taken(subscription);
}

/** See `wit/deps/pie-core/wait.wit`. */
export function sleep(nanoseconds: number): Promise<void> {
  return ready(clock.subscribeDuration(BigInt(nanoseconds)));
}
