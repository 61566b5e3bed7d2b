/**
 * Training adapters by evolution strategies: forward passes and scores, no gradients.
 *
 * In a round every candidate runs with a seed of its own (`zoSeed` of {@link Context.generate}, together with the adapter), its output is scored, and {@link update}
 * moves the adapter towards the better ones. A seed gives the same noise everywhere.
 *
 * @module
 */

import type { Adapter } from './adapter.ts';
import * as bindings from './bindings.ts';
import { count, fallible, integer, real } from './boundary.ts';

/** How an adapter is trained. */
export interface ZoOptions {
  /** Rank of the low-rank matrices. */
  rank: number;
  /** Scale of their product. */
  alpha: number;
  /** Candidates a round. */
  populationSize: number;
  /** The fraction of the best that an update follows, in 0 to 1. */
  muFraction: number;
  /** Standard deviation of the noise at the start. */
  initialSigma: number;
}

/** Prepares an adapter for training. Throws {@link InferletError} on values out of range. */
export function initialize(adapter: Adapter, options: ZoOptions): void {
  const rank = count(options.rank, '`rank`');
  const alpha = real(options.alpha, '`alpha`');
  const size = count(options.populationSize, '`populationSize`');
  const mu = real(options.muFraction, '`muFraction`');
  const sigma = real(options.initialSigma, '`initialSigma`');
  fallible(() => bindings.zo.initialize(adapter.raw, rank, alpha, size, mu, sigma));
}

/**
 * Moves the adapter towards the candidates that scored best (higher is better). `scores` and `seeds` belong together, one of each for every candidate; the noise stays at
 * most `maxSigma`.
 *
 * @throws {@link InferletError} if the two differ in length, or the adapter is not prepared.
 */
export function update(adapter: Adapter, scores: Iterable<number>, seeds: Iterable<number>, maxSigma: number): void {
  const given = Float32Array.from(scores, (score) => real(score, 'a score'));
  const numbers = BigInt64Array.from(Array.from(seeds, (seed) => BigInt(integer(seed, 'a seed'))));
  const sigma = real(maxSigma, '`maxSigma`');
  fallible(() => bindings.zo.update(adapter.raw, given, numbers, sigma));
}
