/** Contexts whose pages have four slots. */

import { Resource, refusal } from './clock.mjs';
import { Model } from './model.mjs';

export const PAGE_SIZE = 4;
export const saved = new Map();

class State {
  slots = [];
  committedPages = 0;
  workingPages = 0;
  bids = [];

  get workingTokens() {
    return this.slots.length - this.committedPages * PAGE_SIZE;
  }

  get freeSlots() {
    return this.workingPages * PAGE_SIZE - this.workingTokens;
  }

  copy() {
    const { slots, committedPages, workingPages } = this;
    return Object.assign(new State(), { slots: [...slots], committedPages, workingPages });
  }
}

function known(name) {
  const state = saved.get(name);
  if (state === undefined) throw refusal(`no context is saved under \`${name}\``);
  return state;
}

export class Context extends Resource {
  constructor(state = new State()) {
    super();
    this.state = state;
    this.isDestroyed = false;
  }

  static create(_model) {
    return new Context();
  }

  static open(_model, name) {
    return new Context(known(name).copy());
  }

  static take(model, name) {
    const context = Context.open(model, name);
    saved.delete(name);
    return context;
  }

  static delete(_model, name) {
    known(name);
    saved.delete(name);
  }

  fork() {
    return new Context(this.state.copy());
  }

  save(name) {
    saved.set(name, this.state.copy());
  }

  snapshot() {
    const name = `snapshot-${saved.size + 1}`;
    this.save(name);
    return name;
  }

  destroy() {
    this.isDestroyed = true;
    this.state = new State();
  }

  tokensPerPage() {
    return PAGE_SIZE;
  }

  model() {
    return new Model();
  }

  committedPageCount() {
    return this.state.committedPages;
  }

  workingPageCount() {
    return this.state.workingPages;
  }

  commitWorkingPages(pages) {
    if (this.state.workingTokens < pages * PAGE_SIZE) throw refusal(`cannot commit ${pages} pages: they are not full`);
    this.state.committedPages += pages;
    this.state.workingPages -= pages;
  }

  reserveWorkingPages(pages) {
    this.state.workingPages += pages;
  }

  releaseWorkingPages(pages) {
    this.state.workingPages -= Math.min(pages, Math.floor(this.state.freeSlots / PAGE_SIZE));
  }

  workingPageTokenCount() {
    return this.state.workingTokens;
  }

  truncateWorkingPageTokens(tokens) {
    this.state.slots.length -= Math.min(tokens, this.state.workingTokens);
  }

  suspend() {}

  bid(value) {
    this.state.bids.push(value);
  }
}
