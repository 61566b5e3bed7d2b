/** Low-rank adapters: small trained changes to a model's weights, applied pass by pass. */

import * as bindings from './bindings.ts';
import { disowned, fallible, owned, text } from './boundary.ts';
import type { RawAdapter } from './interfaces.ts';
import type { Model } from './model.ts';

/**
 * An adapter of one model. It lives until the engine ends or {@link Adapter.destroy}; what `using` gives back at the end of a block is a handle. Made by
 * {@link Adapter.create} and {@link Adapter.open}.
 */
export class Adapter implements Disposable {
  /** Its name, private to the user. */
  readonly name: string;
  /** @internal */
  readonly raw: RawAdapter;

  /** @internal */
  constructor(raw: RawAdapter, name: string) {
    this.raw = owned(this, raw);
    this.name = name;
  }

  /**
   * A new adapter, which does not change anything yet.
   *
   * @throws {@link InferletError} if the name is in use, or the model takes no adapters.
   */
  static create(model: Model, name: string): Adapter {
    const known = text(name, 'the name of an adapter');
    return new Adapter(
      fallible(() => bindings.adapter.Adapter.create(model.raw, known)),
      known,
    );
  }

  /** The adapter called `name`; `undefined` if there is none. */
  static open(model: Model, name: string): Adapter | undefined {
    const known = text(name, 'the name of an adapter');
    const raw = bindings.adapter.Adapter.open(model.raw, known);
    return raw ? new Adapter(raw, known) : undefined;
  }

  /** A copy under another name; it replaces an adapter that had it. */
  fork(newName: string): Adapter {
    const name = text(newName, 'the name of an adapter');
    return new Adapter(this.raw.fork(name), name);
  }

  /** Writes the weights to a file (safetensors) under `/scratch`. Throws {@link InferletError} if it cannot. */
  save(path: string): void {
    const file = text(path, 'a path');
    fallible(() => this.raw.save(file));
  }

  /** Reads weights from a file (safetensors) under `/scratch`. Throws {@link InferletError} if there is no such file, or it does not fit the model. */
  load(path: string): void {
    const file = text(path, 'a path');
    fallible(() => this.raw.load(file));
  }

  /** Removes the adapter. Later passes that name it fail. */
  destroy(): void {
    this.raw.destroy();
  }

  /** The end of `using`: gives the handle back. */
  [Symbol.dispose](): void {
    disowned(this.raw);
  }
}
