/** `AbortController` and `AbortSignal`. */

import { DOMException } from './exception.ts';
import { Event, EventTarget } from './events.ts';
import { called } from './fault.ts';
import { sleep } from './timers.ts';

/** Says when something is not wanted any more. */
export class AbortSignal extends EventTarget {
  /** Called when it is not wanted any more. */
  onabort: ((event: Event) => unknown) | null = null;
  #isAborted = false;
  #reason: unknown;

  /** A signal that is aborted already. */
  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal();
    signal.abortWith(reason);
    return signal;
  }

  /** A signal that is aborted after so many milliseconds. */
  static timeout(milliseconds: number): AbortSignal {
    const signal = new AbortSignal();
    void sleep(milliseconds).then(() => {
      signal.abortWith(new DOMException('the time is over', 'TimeoutError'));
    });
    return signal;
  }

  /** A signal that is aborted when one of several is. */
  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const any = new AbortSignal();
    for (const signal of signals) {
      if (signal.aborted) any.abortWith(signal.reason);
      else signal.addEventListener('abort', () => any.abortWith(signal.reason), { once: true });
    }
    return any;
  }

  /** Whether it is not wanted any more. */
  get aborted(): boolean {
    return this.#isAborted;
  }

  /** Why. */
  get reason(): any {
    return this.#reason;
  }

  /** Throws the reason, if there is one. */
  throwIfAborted(): void {
    if (this.#isAborted) throw this.#reason;
  }

  /** @internal */
  abortWith(reason: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#reason = reason === undefined ? new DOMException('it was aborted', 'AbortError') : reason;
    const event = new Event('abort');
    event.target = this;
    const { onabort } = this;
    if (onabort !== null) called(() => onabort.call(this, event));
    this.dispatchEvent(event);
  }
}

/** Makes a signal, and aborts it. */
export class AbortController {
  /** The signal. */
  readonly signal: AbortSignal = new AbortSignal();

  /** Says that it is not wanted any more. */
  abort(reason?: unknown): void {
    this.signal.abortWith(reason);
  }
}
