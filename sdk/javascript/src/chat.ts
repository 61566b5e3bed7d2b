/**
 * Turns of a conversation in the model's chat template, as tokens and back.
 *
 * {@link Context} has a method for each of the functions here, which return the tokens instead of appending them.
 *
 * @module
 */

import * as bindings from './bindings.ts';
import { fallible, list, owned, text, u32s } from './boundary.ts';
import type { RawChatEvent, RawDecoder } from './interfaces.ts';
import type { Model } from './model.ts';

/** A message with instructions for the model. */
export function system(model: Model, msg: string): Uint32Array {
  return u32s(bindings.chat.system(model.raw, text(msg, 'a message')));
}

/** A message of the user. */
export function user(model: Model, msg: string): Uint32Array {
  return u32s(bindings.chat.user(model.raw, text(msg, 'a message')));
}

/** A complete answer of the model. */
export function assistant(model: Model, msg: string): Uint32Array {
  return u32s(bindings.chat.assistant(model.raw, text(msg, 'a message')));
}

/** The head of the model's turn. */
export function cue(model: Model): Uint32Array {
  return u32s(bindings.chat.cue(model.raw));
}

/** What closes a turn of the model. */
export function seal(model: Model): Uint32Array {
  return u32s(bindings.chat.seal(model.raw));
}

/** Tokens that end the model's turn, and the model's end of text. */
export function stopTokens(model: Model): Uint32Array {
  model.stopTokens ??= u32s(bindings.chat.stopTokens(model.raw));
  return model.stopTokens.slice();
}

/** What a batch of generated tokens amounts to. */
export type Event =
  /** Nothing yet, for instance in the middle of a character. */
  | { type: 'idle' }
  /** Text to show. */
  | { type: 'delta'; text: string }
  /** The turn has ended; the whole text of it. A generator keeps the token that says so to itself: see {@link Generator.stoppedBy}. */
  | { type: 'done'; text: string }
  /** A control token that is neither text nor the end of the turn. */
  | { type: 'interrupt'; token: number };

/** Turns generated tokens into text, keeping incomplete characters back. Starts at the beginning of a turn. */
export class Decoder {
  #raw: RawDecoder<RawChatEvent>;

  /** At the beginning of a turn. */
  constructor(model: Model) {
    this.#raw = owned(this, bindings.chat.createDecoder(model.raw));
  }

  /** Takes the next tokens, in order and each once. Throws {@link InferletError} on a token outside the vocabulary. */
  feed(tokens: Iterable<number>): Event {
    const ids = list(tokens, 'token ids');
    const event = fallible(() => this.#raw.feed(ids));
    switch (event.tag) {
      case 'delta':
        return event.val === '' ? { type: 'idle' } : { type: 'delta', text: event.val };
      case 'done':
        return { type: 'done', text: event.val };
      case 'interrupt':
        return { type: 'interrupt', token: event.val };
    }
  }

  /** Back to the start of a turn. */
  reset(): void {
    this.#raw.reset();
  }
}
