/**
 * The engine around the inferlet, and launching further ones.
 *
 * @module
 */

import * as bindings from './bindings.ts';
import { launch } from './launch.ts';

export { launch } from './launch.ts';

/** Names of the models that are loaded, the default one first. */
export function models(): string[] {
  return bindings.runtime.models();
}

/** The engine's version, such as `0.3.1`. */
export function version(): string {
  return bindings.runtime.version();
}

/** Identifies this running instance. */
export function instanceId(): string {
  return bindings.runtime.instanceId();
}

/** The user on whose behalf the inferlet runs. */
export function username(): string {
  return bindings.runtime.username();
}

/** The environment variables that the manifest permits. */
export function environment(): Record<string, string> {
  return Object.fromEntries(bindings.environment.getEnvironment());
}

/**
 * Launches another inferlet and waits for its output, which is JSON text; {@link launch} does the same in two steps.
 *
 * @throws {@link InferletError} if it cannot be launched, or fails.
 */
export async function spawn(program: string, input: unknown = {}): Promise<string> {
  return launch(program, input).wait();
}
