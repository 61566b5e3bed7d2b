/** `Event` and `EventTarget`, as far as an `AbortSignal` needs them. */

import { called } from './fault.ts';

/** Something that has happened. */
export class Event {
  /** What. */
  readonly type: string;
  /** To what. */
  target: EventTarget | null = null;
  /** Whether {@link Event.preventDefault} has an effect. */
  readonly cancelable: boolean;
  /** Whether it has been called. */
  defaultPrevented = false;
  /** @internal */
  isStopped = false;

  constructor(type: string, options: { cancelable?: boolean } = {}) {
    this.type = String(type);
    this.cancelable = options.cancelable ?? false;
  }

  /** Says that the usual is not to follow. */
  preventDefault(): void {
    if (this.cancelable) this.defaultPrevented = true;
  }

  /** Calls no further listeners. */
  stopImmediatePropagation(): void {
    this.isStopped = true;
  }
}

/** What is called when something happens. */
export type EventListener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

/** How a listener listens. */
export interface ListenerOptions {
  /** Once only. */
  once?: boolean;
  /** Up to when. */
  signal?: { readonly aborted: boolean };
}

interface Entry {
  type: string;
  listener: EventListener;
  options: ListenerOptions;
}

/** Something that things happen to. */
export class EventTarget {
  #entries: Entry[] = [];

  /** Calls `listener` when it happens. */
  addEventListener(type: string, listener: EventListener | null, options: ListenerOptions | boolean = {}): void {
    if (listener === null || this.#entries.some((entry) => entry.type === type && entry.listener === listener)) return;
    this.#entries.push({ type, listener, options: typeof options === 'object' ? options : {} });
  }

  /** Calls it no more. */
  removeEventListener(type: string, listener: EventListener | null): void {
    this.#entries = this.#entries.filter((entry) => entry.type !== type || entry.listener !== listener);
  }

  /** Calls the listeners. Returns whether the usual is to follow. */
  dispatchEvent(event: Event): boolean {
    event.target = this;
    for (const { type, listener, options } of [...this.#entries]) {
      if (type !== event.type || event.isStopped || options.signal?.aborted) continue;
      if (options.once) this.removeEventListener(type, listener);
      called(() => (typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event)));
    }
    return !event.defaultPrevented;
  }
}
