/**
 * Reading the market for KV pages. All amounts are in credits.
 *
 * @module
 */

import * as bindings from './bindings.ts';
import type { Context } from './context.ts';
import type { Model } from './model.ts';

/** What one new page costs now. */
export function price(): number {
  return bindings.scheduling.price();
}

/** What a page of this context paid in the last step: the clearing price of the auction, zero when nothing waits. */
export function rent(ctx: Context): number {
  return bindings.scheduling.rent(ctx.raw);
}

/** What this instance received in the last step as its share of the rents for this model's pages. */
export function dividend(model: Model): number {
  return bindings.scheduling.dividend(model.raw);
}

/** Seconds from one step of this context to the next, smoothed; engine time, so virtual in test runs. */
export function latency(ctx: Context): number {
  return bindings.scheduling.latency(ctx.raw);
}

/**
 * What this instance has left to spend on this model's pages, together with those that it has launched and the one that launched it: a family has
 * one account.
 */
export function balance(model: Model): number {
  return bindings.scheduling.balance(model.raw);
}
