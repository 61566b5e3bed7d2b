/** What the tests share. The SDK is the one that `run.mjs` has built, or `dist`. */

import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const folder = process.env.INFERLET_DIST;
const dist = folder === undefined ? new URL('../dist/', import.meta.url) : pathToFileURL(`${folder}/`);

/** A module of the SDK. */
export const sdk = (name) => import(new URL(name, dist).href);

const { Context, InferletError, Model } = await sdk('index.js');

export { END, VOCABULARY, letterOf, tokenOf } from './fake/model.mjs';
export { clock } from './fake/clock.mjs';
export { passes } from './fake/inference.mjs';
export { client, outside } from './fake/world.mjs';

export const model = Model.load('default');

/** A context with a prompt of the user, cued. */
export function context(prompt) {
  return new Context(model).user(prompt).cue();
}

/** The whole sequence: what the model has seen, and what is buffered. */
export function sequence(ctx) {
  return [...ctx.raw.state.slots.map(([token]) => token), ...ctx.buffer()];
}

/** Something is refused, with a message that has these parts. */
export async function refused(call, ...parts) {
  let error;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof InferletError, error === undefined ? 'nothing was refused' : error.stack);
  for (const part of parts) assert.ok(error.message.includes(part), `\`${part}\` is not in \`${error.message}\``);
}

/** Numbers that follow from a seed. */
export class Draw {
  #state;

  constructor(seed) {
    this.#state = seed * 7919 + 1;
  }

  below(limit) {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }

  between(low, high) {
    return low + this.below(high - low + 1);
  }

  letters() {
    const all = 'abcdefghijklmnopqrstuvw';
    return Array.from({ length: this.between(1, 8) }, () => all[this.below(all.length)]).join('');
  }

  tokens(most) {
    return Array.from({ length: this.below(most) }, () => this.below(60));
  }
}
