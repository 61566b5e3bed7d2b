/** How far a generation is: which tokens it accepts, and when and why it ends. Knows nothing of passes. */

/** A state to go back to. */
export interface Checkpoint {
  readonly accepted: number;
  readonly stoppedBy: number | undefined;
}

/** Accepts tokens until one of them, or their number, ends the generation. */
export class Progress {
  stop: Set<number>;
  maxTokens: number | undefined;
  accepted = 0;
  /** The stop token that the model chose, which is not accepted. */
  stoppedBy: number | undefined;

  constructor(stop: Iterable<number>, maxTokens: number | undefined) {
    this.stop = new Set(stop);
    this.maxTokens = maxTokens;
  }

  get isDone(): boolean {
    return this.stoppedBy !== undefined || (this.maxTokens !== undefined && this.accepted >= this.maxTokens);
  }

  /**
   * How many of some drafts a step can use. What is chosen behind the last of them counts too, so one less than the limit allows; and nothing comes behind a
   * stop token.
   */
  usefulDrafts(drafts: Uint32Array): number {
    const room = this.maxTokens === undefined ? drafts.length : Math.max(0, this.maxTokens - this.accepted - 1);
    const stop = drafts.findIndex((draft) => this.stop.has(draft));
    return Math.min(room, stop < 0 ? drafts.length : stop);
  }

  /** Accepts tokens in order up to the end of the generation; returns how many. */
  accept(tokens: Iterable<number>): number {
    const before = this.accepted;
    for (const token of tokens) {
      if (this.isDone) break;
      if (this.stop.has(token)) this.stoppedBy = token;
      else this.accepted += 1;
    }
    return this.accepted - before;
  }

  /** Accepts one token; whether it did. */
  acceptOne(token: number): boolean {
    if (this.stop.has(token)) {
      this.stoppedBy = token;
      return false;
    }
    this.accepted += 1;
    return true;
  }

  checkpoint(): Checkpoint {
    return { accepted: this.accepted, stoppedBy: this.stoppedBy };
  }

  /** Forgets what was accepted since. */
  restore({ accepted, stoppedBy }: Checkpoint): void {
    this.accepted = accepted;
    this.stoppedBy = stoppedBy;
  }
}
