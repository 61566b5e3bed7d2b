/**
 * The interface where there is no engine: in Node.js, in tests of what does not touch it. Whatever asks for something of it is told so. Takes the place of
 * `bindings.ts` in what Node.js finds of this package.
 *
 * @module
 */

import { InferletError } from './errors.ts';

/** An interface of an engine that is not there. */
function absent(name: string): any {
  return new Proxy(
    {},
    {
      get(_, item) {
        throw new InferletError(
          `\`${name}.${String(item)}\` needs the engine, which is there only while the program runs as an inferlet`,
        );
      },
    },
  );
}

export const adapter: any = absent('adapter');
export const chat: any = absent('chat');
export const context: any = absent('context');
export const inference: any = absent('inference');
export const mcp: any = absent('mcp');
export const messaging: any = absent('messaging');
export const model: any = absent('model');
export const reasoning: any = absent('reasoning');
export const runtime: any = absent('runtime');
export const scheduling: any = absent('scheduling');
export const session: any = absent('session');
export const toolUse: any = absent('toolUse');
export const wait: any = absent('wait');
export const zo: any = absent('zo');

export const environment: any = absent('environment');
export const insecure: any = absent('insecure');
export const monotonicClock: any = absent('monotonicClock');
export const preopens: any = absent('preopens');
export const random: any = absent('random');
export const stderr: any = absent('stderr');
export const stdout: any = absent('stdout');

/** As the others. */
export function http(): Promise<never> {
  return Promise.reject(new InferletError('`fetch` needs the engine, which is there only while the program runs as an inferlet'));
}
