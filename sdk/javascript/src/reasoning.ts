/**
 * Reasoning that a model writes down before its answer.
 *
 * @module
 */

import * as bindings from './bindings.ts';
import { fallible, list, owned } from './boundary.ts';
import type { RawDecoder, RawReasoningEvent } from './interfaces.ts';
import type { Model } from './model.ts';

/** What a batch of generated tokens amounts to. */
export type Event =
  /** Nothing: outside a block of reasoning, or no text yet. */
  | { type: 'idle' }
  /** A block of reasoning begins. */
  | { type: 'start' }
  /** Text of the block. */
  | { type: 'delta'; text: string }
  /** The block has ended; the whole text of it. */
  | { type: 'end'; text: string };

/** Finds blocks of reasoning in generated tokens. Stays `idle` for a model without a reasoning format. */
export class Decoder {
  #raw: RawDecoder<RawReasoningEvent>;

  /** At the beginning of a turn. */
  constructor(model: Model) {
    this.#raw = owned(this, bindings.reasoning.createDecoder(model.raw));
  }

  /** Takes the next tokens, in order and each once. Throws {@link InferletError} on a token outside the vocabulary. */
  feed(tokens: Iterable<number>): Event {
    const ids = list(tokens, 'token ids');
    const event = fallible(() => this.#raw.feed(ids));
    if (event.tag === 'start') return { type: 'start' };
    if (event.tag === 'complete') return { type: 'end', text: event.val };
    return event.val === '' ? { type: 'idle' } : { type: 'delta', text: event.val };
  }

  /** Back to the start of a turn. */
  reset(): void {
    this.#raw.reset();
  }
}
