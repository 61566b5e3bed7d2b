/** `performance`: time in milliseconds, with fractions, in the engine's time. */

import * as bindings from '../bindings.ts';

/** Takes the time. */
export class Performance {
  #start: number | undefined;

  /** When the program began to take the time, in milliseconds since 1970. */
  get timeOrigin(): number {
    return Date.now() - this.now();
  }

  /** Milliseconds since the first call. */
  now(): number {
    const now = Number(bindings.monotonicClock.now());
    this.#start ??= now;
    return (now - this.#start) / 1e6;
  }
}
