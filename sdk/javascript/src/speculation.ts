/**
 * Speculative decoding: guess several tokens ahead, verify them in one pass, keep those that hold.
 *
 * It never changes what is generated, only how many passes it takes. It is off unless `systemSpeculation` (the engine's n-gram drafter) or `speculator` turns it
 * on.
 *
 * A pass has one logit mask, but every draft would need its own. So with a constraint drafts are verified without mask and checked against the constraint
 * afterwards; that is exact for the arg max only, and with other samplers a constraint turns speculation off.
 *
 * While pages are short, only as many drafts are verified as fit into the pages that the step needs anyway.
 *
 * @module
 */

import * as brle from './brle.ts';
import { InferletError } from './errors.ts';

/** Guesses what comes next. Any object with these four methods is one. */
export interface Speculator {
  /**
   * Drafts for the next pass, with their absolute positions: the first one follows the token that was accepted last. Empty lists mean no speculation in this
   * step.
   */
  draft(): [Uint32Array, Uint32Array];

  /**
   * Takes the tokens that the step accepted. The first one is the model's own prediction behind the last token; the others, if any, are drafts that held, or
   * what the model chose instead of the first that did not. Where a constraint has turned speculation off, they may be tokens that it
   * forced.
   */
  accept(tokens: Uint32Array): void;

  /** Forgets the last `n` drafts, which did not hold. Called before `accept`. */
  rollback(n: number): void;

  /** Back to the initial state. */
  reset(): void;
}

/**
 * How many drafts hold, given what the sampler chose behind the last token (`chosen[0]`) and behind each draft: the longest run of drafts that agree with the
 * choice before them.
 */
export function heldDrafts(drafts: Uint32Array, chosen: Uint32Array): number {
  let held = 0;
  while (held < drafts.length && drafts[held] === chosen[held]) held += 1;
  return held;
}

/** Checks a speculator's answer: as many positions as drafts, and following `first` one by one. */
export function checkDrafts(drafts: Uint32Array, positions: Uint32Array, first: number): void {
  if (drafts.length !== positions.length) {
    throw new InferletError(`the speculator returned ${drafts.length} drafts with ${positions.length} positions`);
  }
  for (let index = 0; index < positions.length; index += 1) {
    if (positions[index] !== first + index) {
      throw new InferletError(
        `the speculator placed a draft at position ${positions[index]}; ` +
          `drafts follow the last token one by one, here ${first + index}`,
      );
    }
  }
}

/** The result of a verification. */
export interface Verified {
  /** How many of the chosen tokens count: the drafts that hold and the choice behind them, up to the first token that the constraints forbid. */
  accepted: number;
  /** Drafts that the engine keeps in the context. */
  held: number;
  /** Whether the constraints have already been moved over all accepted tokens; `nextMask` is theirs then. */
  moved: boolean;
  /** The mask behind the last accepted token. */
  nextMask?: Uint32Array | undefined;
}

/** What the constraints say behind a token: nothing at all, or that they allow something, under a mask. */
export type Advanced = { alive: false } | { alive: true; mask: Uint32Array | undefined };

/**
 * Compares `drafts` with what the sampler chose. The pass ran without logit mask, so each choice is checked here: `mask` belongs to the first, and `advance`
 * moves the constraints over a token.
 */
export function verify(
  drafts: Uint32Array,
  chosen: Uint32Array,
  mask: Uint32Array | undefined,
  advance: (token: number) => Advanced,
): Verified {
  const held = heldDrafts(drafts, chosen);
  let accepted = 0;
  let now = mask;
  for (const token of chosen.subarray(0, held + 1)) {
    if (now !== undefined && !brle.allows(now, token)) return { accepted, held, moved: true, nextMask: now };
    accepted += 1;
    if (accepted <= held) {
      const next = advance(token);
      if (!next.alive) return { accepted, held, moved: true };
      now = next.mask;
    }
  }
  return { accepted, held, moved: false };
}
