/**
 * Constraints on generated tokens: schemas that say what the text must look like, and what is underneath.
 *
 * @module
 */

import { described } from './boundary.ts';
import * as brle from './brle.ts';
import { InferletError } from './errors.ts';
import { Grammar, Matcher } from './grammar.ts';
import * as jsons from './jsons.ts';
import type { Model } from './model.ts';

/** Restricts the next token, step by step. Any object with `step` is one. */
export interface Constraint {
  /**
   * Takes the tokens that were just accepted (none on the first call), and returns the mask for the next position: run lengths over the vocabulary, forbidden and
   * allowed in turn (see {@link brle}). An empty array restricts nothing.
   */
  step(accepted: Uint32Array): Uint32Array;

  /** What to call the constraint in an error. */
  describe?(): string;
}

/** Describes a set of texts. Any object with `buildConstraint` is one. */
export interface Schema {
  /** Compiles the description for a model. Throws {@link InferletError} with what is wrong with it. */
  buildConstraint(model: Model): GrammarConstraint;
}

/** Any valid JSON. */
export function anyJson(): Schema {
  return { buildConstraint: (model) => GrammarConstraint.json(model) };
}

/** JSON that satisfies a JSON Schema, given as text or as an object. */
export function jsonSchema(s: string | object): Schema {
  const source = typeof s === 'string' ? s : jsons.stringify(s);
  return { buildConstraint: (model) => GrammarConstraint.fromJsonSchema(source, model) };
}

/** Texts that match a regular expression as a whole; of a `RegExp` the source counts. */
export function regex(p: string | RegExp): Schema {
  return { buildConstraint: (model) => GrammarConstraint.fromRegex(p, model) };
}

/** Texts of a grammar in Lark's notation. */
export function ebnf(g: string): Schema {
  return { buildConstraint: (model) => GrammarConstraint.fromEbnf(g, model) };
}

/** Texts of a grammar that was compiled before. */
export function grammar(g: Grammar): Schema {
  return { buildConstraint: (model) => GrammarConstraint.fromGrammar(g, model) };
}

/** How many characters of its source a grammar is called by. */
const NAME = 40;

/** The constraint to stay inside a grammar. Follows a matcher from where it is. */
export class GrammarConstraint implements Constraint {
  #matcher: Matcher;
  #mask: Uint32Array = new Uint32Array();
  // Why the text left the grammar, and how many tokens were told since, once it has.
  #left: string | undefined;
  #outside = 0;
  // Why no token can come, where none can.
  #deadEnd: string | undefined;

  /** The constraint to go on from where a matcher is. */
  constructor(matcher: Matcher) {
    this.#matcher = matcher;
  }

  /** Any JSON. */
  static json(model: Model): GrammarConstraint {
    return GrammarConstraint.fromGrammar(Grammar.json(), model);
  }

  /** A grammar compiled before. */
  static fromGrammar(g: Grammar, model: Model): GrammarConstraint {
    return new GrammarConstraint(new Matcher(g, model.tokenizer()));
  }

  /** A JSON Schema, as text. */
  static fromJsonSchema(s: string, model: Model): GrammarConstraint {
    return GrammarConstraint.fromGrammar(Grammar.fromJsonSchema(s), model);
  }

  /** A regular expression. */
  static fromRegex(p: string | RegExp, model: Model): GrammarConstraint {
    return GrammarConstraint.fromGrammar(Grammar.fromRegex(p), model);
  }

  /** A context-free grammar in Lark's notation. */
  static fromEbnf(g: string, model: Model): GrammarConstraint {
    return GrammarConstraint.fromGrammar(Grammar.fromEbnf(g), model);
  }

  /** See {@link Constraint}. */
  step(accepted: Uint32Array): Uint32Array {
    if (this.#left !== undefined) this.#outside += accepted.length;
    else if (accepted.length > 0) this.#follow(accepted);
    if (this.#left === undefined) {
      this.#mask = this.#matcher.nextTokenLogitMask();
    } else {
      // Tokens that were accepted by hand can leave the grammar. Nothing is allowed then, rather than everything.
      this.#mask = Uint32Array.of(Math.max(brle.length(this.#mask), 1));
    }
    const isStuck = this.#left === undefined && !brle.allowsAny(this.#mask);
    this.#deadEnd = isStuck ? this.#matcher.deadEnd() : undefined;
    return this.#mask;
  }

  /** What to call it in an error. */
  describe(): string {
    const source = [...String(this.#matcher.grammar)];
    const head = source.slice(0, NAME).map((letter) => (/[\x00-\x1f\x7f-\x9f]/.test(letter) ? ' ' : letter));
    const name = `the grammar \`${head.join('')}${source.length > NAME ? '…' : ''}\``;
    if (this.#left !== undefined) return `${name}, which the text has left: ${this.#left}`;
    if (this.#deadEnd !== undefined) return `${name}, which has come to a dead end: ${this.#deadEnd}`;
    return name;
  }

  /** The same at the same place, to go another way: for a fork of the context. Takes time in the number of tokens accepted. */
  fork(model: Model): GrammarConstraint {
    const fork = new GrammarConstraint(this.#matcher.fork(model.tokenizer()));
    fork.#mask = this.#mask.slice();
    fork.#left = this.#left;
    fork.#outside = this.#outside;
    fork.#deadEnd = this.#deadEnd;
    return fork;
  }

  /**
   * Takes back the last `n` tokens that it was told: for tokens that were truncated from the context. Takes time in the number of tokens accepted. Throws
   * {@link InferletError} if there were not so many.
   */
  rollBack(n: number): void {
    // Of a list that left the grammar the matcher has taken nothing.
    this.#matcher.rollBack(Math.max(0, n - this.#outside));
    if (n < this.#outside) {
      this.#outside -= n;
    } else {
      this.#left = undefined;
      this.#outside = 0;
    }
  }

  #follow(accepted: Uint32Array): void {
    try {
      this.#matcher.acceptTokens(accepted);
    } catch (error) {
      if (!(error instanceof InferletError)) throw error;
      this.#left = error.message;
      this.#outside = accepted.length;
    }
  }
}

/** The constraint that has this mask at every step. */
export function staticMask(mask: brle.Brle): Constraint {
  const runs = brle.checked(mask);
  return { step: () => runs, describe: () => '`logitMask`' };
}

/** What a generator takes as a constraint. */
export type Constrains = Schema | Constraint | Grammar | Matcher;

/** A constraint as it is; a schema, grammar or matcher made into one. */
export function asConstraint(value: Constrains, model: Model): Constraint {
  if (value instanceof Grammar) return GrammarConstraint.fromGrammar(value, model);
  if (value instanceof Matcher) return new GrammarConstraint(value);
  if (typeof (value as Partial<Schema> | null)?.buildConstraint === 'function') {
    return asConstraint((value as Schema).buildConstraint(model), model);
  }
  if (typeof (value as Partial<Constraint> | null)?.step === 'function') return value as Constraint;
  throw new InferletError(`${described(value)} is no constraint: it has neither \`step\` nor \`buildConstraint\``);
}

/** All constraints of a generator together. */
export class Constraints {
  #list: Constraint[] = [];
  // The length of masks that are known to be right.
  #vocabSize: number | undefined;

  /** Whether there are none. */
  isEmpty = true;

  push(constraint: Constraint): void {
    this.#list.push(constraint);
    this.isEmpty = false;
  }

  /** Takes note of a mask that the engine has accepted. */
  trust(mask: Uint32Array): void {
    this.#vocabSize = brle.length(mask);
  }

  /**
   * The token that is the only one left by a mask from {@link Constraints.step}. None as long as nobody knows whether the mask has the length of the
   * vocabulary: the engine has to see it first.
   */
  only(mask: Uint32Array): number | undefined {
    const token = brle.only(mask);
    return token !== undefined && this.#vocabSize === brle.length(mask) ? token : undefined;
  }

  /**
   * Moves all of them over the accepted tokens; returns the mask that satisfies all, `undefined` if none restricts.
   *
   * @throws {@link InferletError}, which names the constraints that together allow no token at all, or one whose mask has another length than those of others.
   */
  step(accepted: Uint32Array): Uint32Array | undefined {
    let mask: Uint32Array | undefined;
    let expected = this.#vocabSize;
    let wrong: [string, number] | undefined;
    for (const constraint of this.#list) {
      const own = brle.checked(constraint.step(accepted.slice()));
      if (own.length === 0) continue;
      if (brle.allowsAny(own)) {
        const length = brle.length(own);
        expected ??= length;
        if (length !== expected) wrong ??= [describe(constraint), length];
        if (constraint instanceof GrammarConstraint) this.#vocabSize = length;
      }
      mask = mask === undefined ? own : brle.and(mask, own);
    }
    if (wrong !== undefined) {
      throw new InferletError(
        `the mask of ${wrong[0]} covers ${wrong[1]} tokens, where others cover ${expected}; it has to cover the vocabulary`,
      );
    }
    if (mask !== undefined && !brle.allowsAny(mask)) {
      throw new InferletError(`no token satisfies the constraints here: ${this.names()}`);
    }
    return mask;
  }

  /** What they are called, for errors. */
  names(): string {
    return this.#list.map(describe).join('; ');
  }
}

/** What to call a constraint in an error. */
function describe(constraint: Constraint): string {
  if (typeof constraint.describe === 'function') return String(constraint.describe());
  const name = (constraint as object).constructor?.name;
  return name && name !== 'Object' ? `\`${name}\`` : 'a constraint of the program';
}
