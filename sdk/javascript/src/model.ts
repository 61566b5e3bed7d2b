/** Models that the engine has loaded, and their tokenizers. */

import * as bindings from './bindings.ts';
import { fallible, list, text as checkedText, u32s, u8s } from './boundary.ts';
import type { Bytes, Numbers, RawModel, RawTokenizer } from './interfaces.ts';

/** A loaded model. It costs nothing to hold: the weights are the engine's. Made by {@link Model.load}. */
export class Model {
  /** @internal */
  readonly raw: RawModel;
  /** @internal */
  stopTokens: Uint32Array | undefined;
  #name: string;
  #tokenizer: Tokenizer | undefined;

  /** @internal */
  constructor(raw: RawModel, name: string) {
    this.raw = raw;
    this.#name = name;
  }

  /**
   * Binds to the model that the engine serves under `name`; `default` is the first one.
   *
   * @throws {@link InferletError} with the names there are, if it is none of them.
   */
  static load(name: string): Model {
    const known = checkedText(name, 'the name of a model');
    return new Model(
      fallible(() => bindings.model.Model.load(known)),
      known,
    );
  }

  /** The name it was loaded by. */
  get name(): string {
    return this.#name;
  }

  /** The model's tokenizer. */
  tokenizer(): Tokenizer {
    this.#tokenizer ??= new Tokenizer(this.raw.tokenizer());
    return this.#tokenizer;
  }
}

/** Translates between text and token ids. Made by {@link Model.tokenizer}. */
export class Tokenizer {
  /** @internal */
  readonly raw: RawTokenizer;

  /** @internal */
  constructor(raw: RawTokenizer) {
    this.raw = raw;
  }

  /** Text to token ids. Adds no special tokens, but recognises those that are spelled out in the text. */
  encode(text: string): Uint32Array {
    return u32s(this.raw.encode(checkedText(text, 'what is encoded')));
  }

  /**
   * Token ids to text, special tokens spelled out. Bytes that are no complete UTF-8 become U+FFFD: to decode a stream piece by piece use
   * `chat.Decoder`.
   *
   * @throws {@link InferletError} on an id outside the vocabulary.
   */
  decode(tokens: Iterable<number>): string {
    const ids = list(tokens, 'token ids');
    return fallible(() => this.raw.decode(ids));
  }

  /** All token ids in ascending order, and the bytes of each. */
  vocabs(): [Uint32Array, Uint8Array[]] {
    return table(this.raw.vocabs());
  }

  /** Control tokens (begin of text, end of turn and the like), in the form of {@link Tokenizer.vocabs}. */
  specialTokens(): [Uint32Array, Uint8Array[]] {
    return table(this.raw.specialTokens());
  }

  /** The regular expression that cuts text into words before they are merged into tokens; empty if there is none. */
  splitRegex(): string {
    return this.raw.splitRegex();
  }
}

function table([ids, texts]: [Numbers, Bytes[]]): [Uint32Array, Uint8Array[]] {
  return [u32s(ids), texts.map(u8s)];
}
