/**
 * Bids of a context in the market for KV pages.
 *
 * Every resident page pays rent per step, so a bid is good when it is the highest one that can be kept up to the end. {@link sustainableBid} is that: what the
 * instance has and will receive, less what new pages cost, spread evenly over the pages and steps that remain.
 *
 * A context that says nothing about itself keeps the engine's default, which is the same formula for an output of unknown length. The SDK bids where it knows
 * more: in each step of a generator with a horizon, and to restore a sensible bid after one of the program's own, with `Context.setBid` or `Context.idle`.
 *
 * @module
 */

import type { Context } from './context.ts';
import * as scheduling from './scheduling.ts';

/** Steps to plan for when nothing says how long the output will be. */
export const EXPECTED_STEPS = 256;

/** What a bid depends on. Amounts are credits. */
export interface Situation {
  balance: number;
  /** Income a step. */
  dividend: number;
  /** Cost of one new page. */
  price: number;
  pageSize: number;
  seqLen: number;
  /** Steps that remain, one token each. */
  steps: number;
}

/** Reads the market for a context that expects `steps` more steps. */
export function observe(ctx: Context, steps: number): Situation {
  return {
    balance: scheduling.balance(ctx.model),
    dividend: scheduling.dividend(ctx.model),
    price: scheduling.price(),
    pageSize: ctx.pageSize,
    seqLen: ctx.seqLen + ctx.buffered,
    steps,
  };
}

/** The bid a page and step that uses up the funds exactly when the last step is done; never negative. */
export function sustainableBid(s: Situation): number {
  const pageSize = Math.max(s.pageSize, 1);
  const now = Math.ceil(s.seqLen / pageSize);
  const end = Math.ceil((s.seqLen + s.steps) / pageSize);
  const steps = Math.max(s.steps, 1);
  const funds = s.balance + s.dividend * steps - (end - now) * s.price;
  const pageSteps = Math.max((steps * (now + end)) / 2, 1);
  return Math.max(funds / pageSteps, 0);
}

/** Whether the program has overridden the bid of the next pass. */
export class Bidding {
  /** What the program bids for the next pass. */
  override: number | undefined;
  /** There is an override, or one was used up and the next step restores the bid of the formula. */
  isPending = false;

  /** Overrides the bid. */
  bid(value: number): void {
    this.override = value;
    this.isPending = true;
  }

  /**
   * Called before each step. Whether to bid by the formula now: always for a generator with a horizon, and once after an override, but never in the step that
   * the override is for.
   */
  beginStep(hasHorizon: boolean): boolean {
    if (this.override !== undefined) {
      this.override = undefined;
      return false;
    }
    const restores = this.isPending;
    this.isPending = false;
    return restores || hasHorizon;
  }
}
