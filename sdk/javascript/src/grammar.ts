/** Grammars and matchers, for constraints that are not a schema alone. */

import * as bindings from './bindings.ts';
import { count, fallible, list, owned, text, u32s } from './boundary.ts';
import { InferletError } from './errors.ts';
import type { RawGrammar, RawMatcher } from './interfaces.ts';
import type { Tokenizer } from './model.ts';

/** A compiled grammar: a set of texts. It knows nothing of tokens, and one serves any number of matchers. */
export class Grammar {
  /** @internal */
  readonly raw: RawGrammar;

  /** @internal */
  constructor(raw: RawGrammar) {
    this.raw = owned(this, raw);
  }

  /**
   * JSON texts that satisfy a JSON Schema, given as text.
   *
   * @throws {@link InferletError} on invalid JSON, and on keywords that are not supported, which it names.
   */
  static fromJsonSchema(s: string): Grammar {
    const schema = text(s, 'a JSON Schema');
    return new Grammar(fallible(() => bindings.inference.Grammar.fromJsonSchema(schema)));
  }

  /** Any JSON text. */
  static json(): Grammar {
    return new Grammar(bindings.inference.Grammar.json());
  }

  /** Texts that match a regular expression as a whole; of a `RegExp` the source counts. Throws {@link InferletError} with what is wrong with it. */
  static fromRegex(p: string | RegExp): Grammar {
    const pattern = text(p instanceof RegExp ? p.source : p, 'a regular expression');
    return new Grammar(fallible(() => bindings.inference.Grammar.fromRegex(pattern)));
  }

  /** Texts of a context-free grammar in Lark's notation or with `::=`; the first rule tells which. Throws {@link InferletError} with what is wrong with it. */
  static fromEbnf(g: string): Grammar {
    const grammar = text(g, 'a grammar');
    return new Grammar(fallible(() => bindings.inference.Grammar.fromEbnf(grammar)));
  }

  /** The source that it was made from. */
  toString(): string {
    return this.raw.toString();
  }
}

/** A position in a grammar, moved forward by tokens. Starts at the beginning. */
export class Matcher {
  /** The grammar that it is a position in. */
  readonly grammar: Grammar;
  #raw: RawMatcher;
  #accepted: number[] = [];

  /** At the beginning of a grammar. */
  constructor(grammar: Grammar, tokenizer: Tokenizer) {
    this.grammar = grammar;
    this.#raw = owned(this, new bindings.inference.Matcher(grammar.raw, tokenizer.raw));
  }

  /**
   * Moves over the tokens.
   *
   * @throws {@link InferletError} at the first one that the grammar does not allow; the matcher stays where it was.
   */
  acceptTokens(ids: Iterable<number>): void {
    const tokens = list(ids, 'token ids');
    fallible(() => this.#raw.acceptTokens(tokens));
    for (const token of tokens) this.#accepted.push(token);
  }

  /** The tokens that may come next: a mask over the vocabulary (see {@link brle}). */
  nextTokenLogitMask(): Uint32Array {
    return u32s(this.#raw.nextTokenLogitMask());
  }

  /** Whether the text is complete and nothing can follow. */
  isTerminated(): boolean {
    return this.#raw.isTerminated();
  }

  /** Back to the start. */
  reset(): void {
    this.#raw.reset();
    this.#accepted = [];
  }

  /**
   * Takes back the last `n` accepted tokens, by going through those before them again.
   *
   * @throws {@link InferletError} if there are not so many; the matcher stays where it was.
   */
  rollBack(n: number): void {
    const left = this.#accepted.length - count(n, 'the number of tokens to take back');
    if (left < 0) {
      throw new InferletError(`cannot take back ${n} tokens, only ${this.#accepted.length} were accepted`);
    }
    if (n === 0) return;
    this.#raw.reset();
    this.#accepted.length = left;
    fallible(() => this.#raw.acceptTokens(Uint32Array.from(this.#accepted)));
  }

  /** A matcher at the same place that goes its own way, by going through the accepted tokens again. */
  fork(tokenizer: Tokenizer): Matcher {
    const fork = new Matcher(this.grammar, tokenizer);
    fork.acceptTokens(this.#accepted);
    return fork;
  }

  /** @internal Why no token can come next, for a position with a mask that allows none. */
  deadEnd(): string | undefined {
    try {
      // Whatever token this is, it is refused, and the refusal has the reason.
      fallible(() => this.#raw.acceptTokens(Uint32Array.of(0)));
    } catch (reason) {
      if (reason instanceof InferletError) return reason.message;
      throw reason;
    }
    return undefined;
  }
}
