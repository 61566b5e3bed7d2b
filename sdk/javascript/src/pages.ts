/** Page arithmetic of a context: how many pages to reserve before a pass, and how many are full after it. */

import type { List } from './interfaces.ts';

/** How the pages of a context are filled. Read from the engine once before a pass, and followed from there: every count is a call. */
export class Extent {
  /** Slots in a page. */
  readonly pageSize: number;
  /** Full and immutable. */
  readonly committedPages: number;
  /** Filled, partly filled and empty ones. */
  readonly workingPages: number;
  /** In all working pages together. */
  readonly workingTokens: number;

  constructor(pageSize: number, committedPages: number, workingPages: number, workingTokens: number) {
    this.pageSize = Math.max(pageSize, 1);
    this.committedPages = committedPages;
    this.workingPages = workingPages;
    this.workingTokens = workingTokens;
  }

  /** Tokens in all pages. */
  get seqLen(): number {
    return this.committedPages * this.pageSize + this.workingTokens;
  }

  /** Positions for `count` tokens from `offset` behind the sequence. */
  positions(offset: number, count: number): List {
    const start = this.seqLen + offset;
    if (count === 1) return [start];
    const positions = new Uint32Array(count);
    for (let index = 0; index < count; index += 1) positions[index] = start + index;
    return positions;
  }

  /** Working pages to reserve so that `tokens` more fit. */
  missingPages(tokens: number): number {
    return Math.max(0, Math.ceil((this.workingTokens + tokens) / this.pageSize) - this.workingPages);
  }

  /** Tokens that fit without another page, beyond those that are there. */
  get room(): number {
    const needed = Math.ceil(this.workingTokens / this.pageSize);
    return Math.max(0, Math.max(this.workingPages, needed) * this.pageSize - this.workingTokens);
  }

  /** Working pages that are full. */
  get fullPages(): number {
    return Math.floor(this.workingTokens / this.pageSize);
  }

  /** With `tokens` more. */
  grown(tokens: number): Extent {
    return new Extent(this.pageSize, this.committedPages, this.workingPages, this.workingTokens + tokens);
  }

  /** With so many working pages more. */
  reserved(pages: number): Extent {
    return new Extent(this.pageSize, this.committedPages, this.workingPages + pages, this.workingTokens);
  }

  /** With the full pages committed. */
  committed(): Extent {
    const full = this.fullPages;
    const left = this.workingTokens - full * this.pageSize;
    return new Extent(this.pageSize, this.committedPages + full, this.workingPages - full, left);
  }
}
