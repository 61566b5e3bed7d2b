/**
 * Messages between the inferlets of one user in one engine.
 *
 * A topic is any text. Its queue and its subscriptions are separate: a pushed message reaches one puller, a broadcast message reaches every
 * subscriber.
 *
 * @module
 */

import { Asked, type WaitOptions } from './asked.ts';
import * as bindings from './bindings.ts';
import { drop, owned, text } from './boundary.ts';
import { InferletError } from './errors.ts';
import type { RawSubscription } from './interfaces.ts';
import { messageText } from './session.ts';
import { arrival } from './waiting.ts';

/** Appends a message to the topic's queue. Text goes as it is, any other value as JSON. It stays there until somebody pulls it. */
export function push(topic: string, message: unknown): void {
  bindings.messaging.push(named(topic), messageText(message));
}

const pulls = new Map<string, Asked<string>>();

/**
 * The next message of the topic's queue. Pullers are served in the order in which they asked. Who gives up, by the signal, leaves the message to the next of this
 * program.
 */
export async function pull(topic: string, options: WaitOptions = {}): Promise<string> {
  const name = named(topic);
  let asked = pulls.get(name);
  if (asked === undefined) {
    asked = new Asked();
    pulls.set(name, asked);
  }
  return asked.next(() => pulled(name), options);
}

async function pulled(topic: string): Promise<string> {
  const pending = bindings.messaging.pull(topic);
  const message = await arrival(bindings.wait.forString(pending));
  drop(pending);
  if (message === null || message === undefined) throw new InferletError(`there will be no message of \`${topic}\``);
  return message;
}

/** Sends a message to all who subscribe to the topic at this moment, the sender too if it does. Text goes as it is, any other value as JSON. */
export function broadcast(topic: string, message: unknown): void {
  bindings.messaging.broadcast(named(topic), messageText(message));
}

/** Receives what is broadcast on the topic from now on. */
export function subscribe(topic: string): Subscription {
  return new Subscription(bindings.messaging.subscribe(named(topic)), topic);
}

function named(topic: string): string {
  return text(topic, 'a topic');
}

/**
 * A place in the audience of a topic: keeps every message until it is taken, up to a bound of the engine. Made by {@link subscribe}.
 *
 * `for await (const message of subscription)` takes one after the other until it is unsubscribed, and unsubscribes when the loop is left. So does the end of a block
 * with `using`.
 */
export class Subscription implements AsyncIterable<string>, Disposable {
  /** What it listens to. */
  readonly topic: string;
  #raw: RawSubscription;
  #asked = new Asked<string | undefined>();
  #isOpen = true;

  /** @internal */
  constructor(raw: RawSubscription, topic: string) {
    this.#raw = owned(this, raw);
    this.topic = topic;
  }

  /** The next message; `undefined` once it is unsubscribed. */
  async next(options: WaitOptions = {}): Promise<string | undefined> {
    if (!this.#isOpen) return undefined;
    return this.#asked.next(() => this.#message(), options);
  }

  async #message(): Promise<string | undefined> {
    // A message that is there is taken without waiting.
    return this.#raw.get() ?? (await arrival(bindings.wait.forMessage(this.#raw))) ?? undefined;
  }

  /** Stops receiving, and discards what was not taken. Whoever waits for a message gets `undefined`. */
  unsubscribe(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#raw.unsubscribe();
  }

  /** One message after the other. */
  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    return {
      next: async () => {
        const value = await this.next();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: () => {
        this.unsubscribe();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** The end of `using`: {@link Subscription.unsubscribe}. */
  [Symbol.dispose](): void {
    this.unsubscribe();
  }
}
