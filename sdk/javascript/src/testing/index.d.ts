/**
 * Tests of inferlets with the runner of Node.js: the cases of a project, run by the installed `bakery`.
 *
 * ```ts
 * import { testCases } from 'inferlet/testing';
 *
 * testCases(import.meta.dirname);
 * ```
 */

/** A layer of a run that is kept as a snapshot. */
export type Layer = 'output' | 'events' | 'numbers';

/** Where `bakery` is, if neither the variable `BAKERY` nor the search path says so. */
export interface Program {
  bakery?: string;
}

/** How cases are run. */
export interface RunOptions extends Program {
  /** What is accepted at once of snapshots that differ; nothing if not given. */
  update?: 'none' | 'new' | 'all';
  /** Further options of `bakery test`, for example `['--schedules', '20']`. */
  options?: string[];
}

/** A case of a project. */
export interface Case {
  /** The folder of its `Pie.toml`. */
  project: string;
  /** Unique in the project. */
  name: string;
  /** Where it is written. */
  file: string;
  /** The line in it, from 1. */
  line: number;
  /** Words to choose it by. */
  tags: string[];
  /** The layers that are compared. */
  snapshot: Layer[];
}

/** Something that is not as it should be. */
export interface Problem {
  kind: 'unexpected' | 'differs' | 'missing' | 'not-comparable' | 'broken' | 'race' | 'finding' | 'unrunnable';
  /** In one line, with the first cause. */
  message: string;
  /** How it differs: lines that begin with a space, `-` (accepted), `+` (found), or `@` and how many are left out. */
  lines: string[];
  /** The chosen tokens as text, each beginning with a space, `-` or `+`. */
  tokens: string[];
  /** Where the two traces of a race are. */
  traces: string[];
}

/** What came of a case. */
export interface Result {
  name: string;
  /** Whether all is as it should be. */
  passed: boolean;
  /** What is not. */
  problems: Problem[];
  /** Forward passes. */
  passes: number;
  /** Tokens that samplers chose. */
  sampledTokens: number;
  /** The least margin between first and second logit over all arg max choices. */
  leastMargin: number | null;
  /** What it made use of, as `bakery test --json` says it. */
  coverage: Record<string, unknown>;
  /** The command that runs it again. */
  again: string;
}

/** `bakery` could not run the cases: it is not there, a case is wrong, or something outside is missing. */
export declare class BakeryError extends Error {}

/** The cases of a project, in the order in which they are written. Nothing is built. */
export declare function cases(project?: string, options?: Program): Case[];

/** Builds a project and runs its cases, all or those with these names. What came of each, in their order. */
export declare function run(project?: string, options?: RunOptions & { names?: string[] }): Promise<Result[]>;

/** What is not as it should be, in lines, and how to run the case again. */
export declare function describeResult(result: Result): string;

/** Throws an `AssertionError` with what differs if something is not as it should be. */
export declare function check(result: Result): Result;

/**
 * Makes a test of each case of a project, under the name of its folder or `title`. Those that are to be run are run together, by one `bakery test`; which those are is
 * up to the runner (`--test-name-pattern`) and to `tags`.
 */
export declare function testCases(project?: string, options?: RunOptions & { title?: string; tags?: string[] }): void;
