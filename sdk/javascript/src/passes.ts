/** One forward pass on the way to the engine: what `Forward` and `Generator` both build. */

import type { Adapter } from './adapter.ts';
import * as bindings from './bindings.ts';
import type { List, RawForwardPass, RawSampler } from './interfaces.ts';

/** Nothing. */
export const NONE: Uint32Array = new Uint32Array();

interface Request {
  indices: List;
  sampler: RawSampler;
}

/** The slots of a sampler that is alone, at one place. */
const ONE: [number, number][] = [[0, 1]];

/**
 * The samplers and probes of a pass, in the order in which they were asked for. The number of a request is what its handle holds, and stays valid
 * when another request is dropped.
 */
export class Readings {
  #requests: (Request | undefined)[];
  #attached: number;

  constructor(requests: (Request | undefined)[] = []) {
    this.#requests = requests;
    this.#attached = requests.reduce((count, request) => (request === undefined ? count : count + 1), 0);
  }

  copy(): Readings {
    return new Readings([...this.#requests]);
  }

  /** Adds a request and returns its number. */
  add(indices: List, sampler: RawSampler): number {
    this.#attached += 1;
    return this.#requests.push({ indices, sampler }) - 1;
  }

  /** Takes a request back. Its handle reads nothing. */
  remove(request: number): void {
    if (this.#requests[request] !== undefined) this.#attached -= 1;
    this.#requests[request] = undefined;
  }

  isAttached(request: number): boolean {
    return this.#requests[request] !== undefined;
  }

  /** Whether this request is the only one. */
  isOnly(request: number): boolean {
    return this.#attached === 1 && this.#requests[request] !== undefined;
  }

  /** Calls a function with each request. */
  each(call: (indices: List, sampler: RawSampler) => void): void {
    for (const request of this.#requests) {
      if (request !== undefined) call(request.indices, request.sampler);
    }
  }

  /** The largest index asked for; -1 for none. */
  lastIndex(): number {
    let last = -1;
    for (const request of this.#requests) {
      for (const index of request?.indices ?? NONE) last = Math.max(last, index);
    }
    return last;
  }

  /** The same with indices that count from `anchor`; those of request 0 become `first`. */
  placed(anchor: number, first: List): Readings {
    const place = ({ indices, sampler }: Request, number: number): Request => ({
      indices: number === 0 ? first : Array.from(indices, (index) => index + anchor),
      sampler,
    });
    return new Readings(this.#requests.map((request, number) => request && place(request, number)));
  }

  /** For each request, which slots of the output answer it: one slot for each index, in order. */
  slotRanges(): [number, number][] {
    if (this.#requests.length === 1 && this.#requests[0]?.indices.length === 1) return ONE;
    let start = 0;
    return this.#requests.map((request) => {
      const range: [number, number] = [start, start + (request?.indices.length ?? 0)];
      start = range[1];
      return range;
    });
  }
}

/** Everything that goes into a pass. `attention` is empty or has one mask for each token. */
export interface Pass {
  tokens: List;
  positions: List;
  drafts?: Uint32Array;
  draftPositions?: List;
  wantsDrafts?: boolean;
  attention?: Uint32Array[];
  logitMask?: Uint32Array | undefined;
  readings?: Readings;
  adapter?: Adapter | undefined;
  zoSeed?: number | undefined;
}

/** Slots that a pass will claim in its context. */
export function slotCount(pass: Pass): number {
  return pass.tokens.length + (pass.drafts?.length ?? 0);
}

/** Transfers everything to a raw pass; the caller sets the context. */
export function describe(pass: Pass, raw: RawForwardPass): void {
  raw.inputTokens(pass.tokens, pass.positions);
  if (pass.drafts !== undefined && pass.drafts.length > 0) {
    raw.inputSpeculativeTokens(pass.drafts, pass.draftPositions ?? NONE);
  }
  if (pass.wantsDrafts) raw.outputSpeculativeTokens(true);
  if (pass.attention !== undefined && pass.attention.length > 0) raw.attentionMask(pass.attention);
  if (pass.logitMask !== undefined) raw.logitMask(pass.logitMask);
  pass.readings?.each((indices, sampler) => raw.sampler(indices, sampler));
  if (pass.adapter !== undefined) raw.adapter(pass.adapter.raw);
  if (pass.zoSeed !== undefined) bindings.zo.adapterSeed(raw, pass.zoSeed);
}

/** Two lists, one behind the other. */
export function joined(first: Uint32Array, second: Uint32Array): Uint32Array {
  if (first.length === 0) return second;
  if (second.length === 0) return first;
  const both = new Uint32Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
