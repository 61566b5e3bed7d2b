/** A model whose choices depend on what a token sees, and its tokenizer of 64 letters. */

import { Resource, refusal } from './clock.mjs';

/** Token ids are below this. The last ones are special. */
export const VOCABULARY = 64;
export const USER = 60;
export const CUE = 61;
export const END = 63;
const MASK = (1n << 64n) - 1n;

export const tokenOf = (letter) => letter.codePointAt(0) % 60;
// 60 ids are 60 consecutive characters, from `<` on: all letters are among them.
export const letterOf = (token) => String.fromCharCode(60 + (token % 60));
export const tokensOf = (text) => Array.from(text, tokenOf);

function mixed(state, value) {
  const product = ((state ^ BigInt(value)) * 0x9e3779b97f4a7c15n) & MASK;
  return ((product << 29n) | (product >> 35n)) & MASK;
}

/** Scores of all tokens behind what was seen: they depend on tokens, positions and order. */
export function logits(seen) {
  let state = 1n;
  for (const [token, position] of seen) state = mixed(mixed(state, token), position);
  const scores = Array.from({ length: VOCABULARY }, (_, token) => Number(mixed(mixed(state, 7), token) >> 44n));
  // Specials other than the end are never chosen, and the end is rare.
  scores.fill(0, 60);
  if (state % 23n === 0n) scores[END] = 1e30;
  return scores;
}

export class Model extends Resource {
  static load(name) {
    if (name !== 'default') throw refusal(`no model \`${name}\`; there is \`default\``);
    return new Model();
  }

  tokenizer() {
    return new Tokenizer();
  }
}

export class Tokenizer extends Resource {
  encode(text) {
    return tokensOf(text);
  }

  decode(tokens) {
    const wrong = tokens.find((token) => token >= VOCABULARY);
    if (wrong !== undefined) throw refusal(`there is no token ${wrong}`);
    return Array.from(tokens, letterOf).join('');
  }

  vocabs() {
    const ids = Array.from({ length: VOCABULARY }, (_, id) => id);
    return [ids, ids.map((id) => new TextEncoder().encode(letterOf(id)))];
  }

  splitRegex() {
    return '';
  }

  specialTokens() {
    return [[END], [new TextEncoder().encode('<end>')]];
  }
}
