/**
 * Waits that can be given up. What was asked for comes all the same, and belongs to whoever asks next: so nothing is lost.
 *
 * @module
 */

/** How one waits. */
export interface WaitOptions {
  /** Ends the wait, with the signal's reason. What comes afterwards is for whoever waits next. */
  signal?: AbortSignal | undefined;
}

/** Those who ask for one kind of thing, in their order. */
export class Asked<T> {
  // What was asked for by those who have given up.
  #left: Promise<T>[] = [];

  /** The next one. `ask` is called if nobody has left one. */
  async next(ask: () => Promise<T>, { signal }: WaitOptions = {}): Promise<T> {
    signal?.throwIfAborted();
    const coming = this.#left.shift() ?? ask();
    if (signal === undefined) return coming;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#left.push(coming);
        reject(signal.reason);
      };
      signal.addEventListener('abort', giveUp);
      const settled = (settle: () => void): void => {
        signal.removeEventListener('abort', giveUp);
        if (!signal.aborted) settle();
      };
      coming.then(
        (value) => settled(() => resolve(value)),
        (error) => settled(() => reject(error)),
      );
    });
  }
}
