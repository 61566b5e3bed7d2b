/**
 * What QuickJS lacks of the web platform, put in its place. Evaluated before anything of the program; it asks the engine for nothing, so it can be part of a
 * snapshot.
 *
 * What is there already stays, but for `Math.random`, whose numbers would be the same in each instance, and `performance`, whose time would begin when the component
 * was made. SpiderMonkey has much of it in its own way; there ours takes its place, so that a program prints, waits and asks the same with both engines.
 *
 * @module
 */

import './vendor.js';
import { AbortController, AbortSignal } from './abort.ts';
import { Blob, File, FormData } from './blob.ts';
import { makeConsole } from './console.ts';
import { TextDecoder, TextEncoder } from './encoding.ts';
import { Event, EventTarget } from './events.ts';
import { DOMException } from './exception.ts';
import { floating, kept } from './fault.ts';
import { fetch } from './fetch.ts';
import { Headers } from './headers.ts';
import { Request, Response } from './messages.ts';
import { Performance } from './performance.ts';
import { Crypto, random } from './random.ts';
import { clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from './timers.ts';

/** Whether what the engine has of its own is replaced: it says so before the SDK is evaluated. */
const isReplaced = '__inferlet_replaces' in globalThis;

/** Puts into `scope` what it lacks. */
export function install(scope: object): void {
  const lacking = {
    AbortController,
    AbortSignal,
    Blob,
    DOMException,
    Event,
    EventTarget,
    File,
    FormData,
    Headers,
    Request,
    Response,
    TextDecoder,
    TextEncoder,
    clearImmediate: clearTimeout,
    clearInterval,
    clearTimeout,
    console: makeConsole(),
    crypto: new Crypto(),
    fetch,
    performance: new Performance(),
    queueMicrotask: (callback: () => void) => void Promise.resolve().then(callback),
    setImmediate,
    setInterval,
    setTimeout,
  };
  for (const [name, value] of Object.entries(lacking)) {
    if (isReplaced || !(name in scope)) define(scope, name, value);
  }
  define(scope, '__inferlet_floating', floating);
  define(scope, '__inferlet_kept', kept);
}

function define(scope: object, name: string, value: unknown): void {
  Object.defineProperty(scope, name, { value, writable: true, configurable: true });
}

/** Whether this is Node.js, where tests run. */
const isNode = 'process' in globalThis;

install(globalThis);
if (!isNode) {
  define(Math, 'random', random);
  define(globalThis, 'performance', new Performance());
}
