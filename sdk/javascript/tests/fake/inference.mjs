/** Passes, with the checks that the interface promises; grammars that are sets of letters. */

import { Context } from './context.mjs';
import { Pollable, Resource, clock, refusal } from './clock.mjs';
import { END, VOCABULARY, letterOf, logits, tokenOf } from './model.mjs';

/** A pass takes this long, in nanoseconds. */
const PASS = 10;

/** All passes that were executed, for tests to look at. */
export const passes = [];

/** Whether a mask is true at an index; written apart from the SDK's own code, to check it. */
export function isAllowed(mask, index) {
  const bits = Array.from(mask, (length, run) => Array(length).fill(run % 2 === 1)).flat();
  return bits[index] === true;
}

const sum = (numbers) => Array.from(numbers).reduce((all, one) => all + one, 0);

export class ForwardPass extends Resource {
  tokens = [];
  positions = [];
  drafts = [];
  draftPositions = [];
  wantsDrafts = false;
  masks = [];
  allowed = undefined;
  samplers = [];
  usedAdapter = undefined;
  seed = undefined;
  #context = undefined;

  constructor(model) {
    super();
    this.model = model;
  }

  context(context) {
    this.#context = context;
  }

  inputTokens(tokens, positions) {
    this.tokens.push(...tokens);
    this.positions.push(...positions);
  }

  inputSpeculativeTokens(tokens, positions) {
    this.drafts.push(...tokens);
    this.draftPositions.push(...positions);
  }

  outputSpeculativeTokens(flag) {
    this.wantsDrafts = flag;
  }

  attentionMask(mask) {
    this.masks = mask.map((one) => [...one]);
  }

  logitMask(mask) {
    this.allowed = [...mask];
  }

  sampler(indices, sampler) {
    this.samplers.push([[...indices], sampler]);
  }

  adapter(adapter) {
    this.usedAdapter = adapter;
  }

  execute() {
    const context = this.#context ?? new Context();
    if (this.#context === undefined) context.state.workingPages = 1000;
    this.#check(context);
    passes.push(this);
    return new FutureOutput(this.#run(context));
  }

  #check({ state }) {
    const count = this.tokens.length + this.drafts.length;
    if (this.tokens.length === 0) throw refusal('a pass needs input');
    if (this.tokens.length !== this.positions.length || this.drafts.length !== this.draftPositions.length) {
      throw refusal('every token needs a position');
    }
    for (const index of this.samplers.flatMap(([indices]) => indices)) {
      if (index >= count) throw refusal(`index ${index} is past the ${count} inputs`);
    }
    if (count > state.freeSlots) throw refusal(`${count} inputs do not fit into ${state.freeSlots} free slots`);
    const start = state.slots.length;
    for (const [index, mask] of this.masks.entries()) {
      if (![start + index + 1, start + count].includes(sum(mask))) {
        throw refusal(`mask ${index} covers ${sum(mask)} slots of ${start + count}`);
      }
    }
    if (this.allowed !== undefined && sum(this.allowed) !== VOCABULARY) {
      throw refusal('the logit mask does not cover the vocabulary');
    }
  }

  #run({ state: { slots } }) {
    const start = slots.length;
    const tokens = [...this.tokens, ...this.drafts];
    const positions = [...this.positions, ...this.draftPositions];
    for (const [index, token] of tokens.entries()) slots.push([token, positions[index]]);
    const seen = (index) => {
      const mask = this.masks[index] ?? [0, start + index + 1];
      return slots.slice(0, start + index + 1).filter((_, slot) => isAllowed(mask, slot));
    };
    const answers = this.samplers.flatMap(([indices, how]) => indices.map((index) => this.#read(how, logits(seen(index)))));
    const end = answers.findIndex(({ tag }) => tag !== 'token');
    const chosen = (end < 0 ? answers : answers.slice(0, end)).map(({ val }) => val);
    let kept = 0;
    while (kept < this.drafts.length && kept < chosen.length && this.drafts[kept] === chosen[kept]) kept += 1;
    slots.length = start + this.tokens.length + kept;
    const guesses = this.wantsDrafts && kept < chosen.length ? guessed(slots, chosen[kept]) : [];
    return { slots: answers, specTokens: guesses, specPositions: guesses.map((_, index) => slots.length + 1 + index) };
  }

  #read(how, scores) {
    let noise = 0;
    if (how.tag === 'multinomial' && how.val[0] > 0) noise = how.val[1] + 2;
    else if (['top-k', 'top-p', 'min-p', 'top-k-top-p'].includes(how.tag)) noise = 11;
    const noisy = scores.map((score, token) => (noise > 0 ? score + ((token * 7919) % noise) * 9e3 : score));
    const ranked = noisy.map((_, token) => token).sort((a, b) => noisy[b] - noisy[a] || a - b);
    switch (how.tag) {
      case 'dist': {
        const count = how.val[1] || VOCABULARY;
        return { tag: 'distribution', val: [ranked.slice(0, count), Array.from({ length: count }, (_, place) => 1 / (place + 2))] };
      }
      case 'raw-logits':
        return { tag: 'logits', val: new Uint8Array(Float32Array.from(scores).buffer) };
      case 'logprob':
        return { tag: 'logprobs', val: [-1 - ranked.indexOf(how.val)] };
      case 'logprobs':
        return { tag: 'logprobs', val: Array.from(how.val, (token) => -1 - ranked.indexOf(token)) };
      case 'entropy':
        return { tag: 'entropy', val: 0.5 };
      case 'embedding':
        return { tag: 'embedding', val: new Uint8Array(Float32Array.of(1, 2).buffer) };
      default:
        return { tag: 'token', val: ranked.find((token) => this.allowed === undefined || isAllowed(this.allowed, token)) };
    }
  }
}

/** Two guesses behind `following` that hold for the arg max, and one that does not. */
function guessed(slots, following) {
  const all = [...slots];
  const push = (token) => {
    all.push([token, all.length]);
    const scores = logits(all);
    return scores.indexOf(Math.max(...scores));
  };
  const first = push(following);
  const second = push(first);
  return [first, second, (push(second) + 1) % 60];
}

class FutureOutput extends Resource {
  #due = clock.now + PASS;
  #output;

  constructor(output) {
    super();
    this.#output = output;
  }

  pollable() {
    return new Pollable(this.#due);
  }

  get() {
    if (clock.now < this.#due) return null;
    const output = this.#output;
    this.#output = null;
    return output;
  }
}

/** Texts of the letters of a pattern, in any order and number; `[` and `]` one after the other for JSON. */
export class Grammar extends Resource {
  constructor(letters, source) {
    super();
    this.letters = letters;
    this.source = source;
  }

  static fromJsonSchema(schema) {
    if (!schema.startsWith('{')) throw refusal(`the schema is no JSON object: ${schema}`);
    return new Grammar('[]', schema);
  }

  static json() {
    return new Grammar('[]', 'json');
  }

  static fromRegex(pattern) {
    if (pattern.includes('(')) throw refusal(`\`${pattern}\` has an open parenthesis`);
    return new Grammar(pattern, pattern);
  }

  static fromEbnf(ebnf) {
    return new Grammar(ebnf.slice(ebnf.indexOf('"') + 1, ebnf.lastIndexOf('"')), ebnf);
  }

  toString() {
    return this.source;
  }
}

export class Matcher extends Resource {
  accepted = [];

  constructor(grammar, _tokenizer) {
    super();
    this.ids = [...new Set(Array.from(grammar.letters, tokenOf))].sort((a, b) => a - b);
    this.isJson = grammar.letters === '[]';
  }

  acceptTokens(tokens) {
    for (const token of tokens) {
      if (!this.ids.includes(token)) throw refusal(`token ${token} (${letterOf(token)}) is not in the grammar`);
    }
    this.accepted.push(...tokens);
  }

  nextTokenLogitMask() {
    // The one bracket comes first, the other second, and then the end.
    const allowed = this.isJson ? [[tokenOf('[')], [tokenOf(']')], [END]][Math.min(this.accepted.length, 2)] : this.ids;
    const mask = [0];
    let value = false;
    for (let token = 0; token < VOCABULARY; token += 1) {
      if (allowed.includes(token) !== value) {
        mask.push(0);
        value = !value;
      }
      mask[mask.length - 1] += 1;
    }
    return mask;
  }

  isTerminated() {
    return this.isJson && this.accepted.length >= 2;
  }

  reset() {
    this.accepted = [];
  }
}
