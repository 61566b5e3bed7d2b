/** Launching further inferlets from this one. */

import * as bindings from './bindings.ts';
import { fallible, owned, text } from './boundary.ts';
import { InferletError } from './errors.ts';
import type { RawChild } from './interfaces.ts';
import * as jsons from './jsons.ts';
import { fromHere } from './place.ts';
import { arrival } from './waiting.ts';

/** An inferlet launched by this one. Whoever drops it lets it run on by itself. Made by {@link launch}. */
export class Child {
  #raw: RawChild;
  #program: string;

  /** @internal */
  constructor(raw: RawChild, program: string) {
    this.#raw = owned(this, raw);
    this.#program = program;
  }

  /**
   * The child's output as JSON text.
   *
   * @throws {@link InferletError} with its error if it failed, or if its output was taken before.
   */
  wait(): Promise<string> {
    return fromHere(() => this.#wait());
  }

  async #wait(): Promise<string> {
    const result = await arrival(bindings.wait.forChild(this.#raw));
    if (!result) throw new InferletError(`the result of this child, \`${this.#program}\`, was taken before`);
    if (result.tag === 'err') throw new InferletError(result.val);
    return result.val;
  }

  /** The child's output as a value. Throws as {@link Child.wait} does. */
  async answer<T = unknown>(): Promise<T> {
    return JSON.parse(await fromHere(() => this.#wait())) as T;
  }

  /** The child's instance id. */
  get pid(): string {
    return this.#raw.pid();
  }

  /** Ends the child; its result is then an error that says so. Does nothing if it has ended already. */
  cancel(): void {
    this.#raw.cancel();
  }
}

/**
 * Launches another inferlet, `name` or `name@version` of the dependencies in `Pie.toml`. `input` is a value that can be written as JSON; none stands for an object
 * without fields.
 *
 * @throws {@link InferletError} if it is not found or may not be launched. Its limits are within those of this instance.
 *
 * @example
 * const child = launch('worker', { part: 1 });
 * const answer = await child.answer();
 */
export function launch(program: string, input: unknown = {}): Child {
  const name = text(program, 'the name of a program');
  let given: string;
  try {
    given = text(jsons.stringify(input), 'an input');
  } catch (error) {
    throw new InferletError(`the input of \`${name}\` cannot become JSON: ${(error as Error).message}`);
  }
  return new Child(
    fallible(() => bindings.runtime.launch(name, given)),
    name,
  );
}
