/**
 * The conversation with whoever launched this inferlet. Signals of the client arrive as messages.
 *
 * @module
 */

import { Asked, type WaitOptions } from './asked.ts';
import * as bindings from './bindings.ts';
import { described, drop, text, u8s } from './boundary.ts';
import { InferletError, SessionEnded } from './errors.ts';
import { print as written } from './globals/console.ts';
import type { Resource } from './interfaces.ts';
import * as jsons from './jsons.ts';
import { arrival } from './waiting.ts';

/** Sends a message to the client. Text goes as it is, any other value as JSON. Never waits; order is kept. */
export function send(message: unknown): void {
  bindings.session.send(messageText(message));
}

/** Writes a text to standard output as it is, without the end of a line that `console.log` adds. */
export function print(output: string): void {
  written(text(output, 'what is printed'));
}

/** Sends bytes to the client. Never waits; order is kept. */
export function sendFile(data: Uint8Array): void {
  if (!(data instanceof Uint8Array)) throw new InferletError(`a file is a \`Uint8Array\`, not ${described(data)}`);
  bindings.session.sendFile(data);
}

const texts = new Asked<string>();
const files = new Asked<Uint8Array>();

/**
 * The next message of the client. Each goes to one receiver, in the order in which they asked.
 *
 * @throws {@link SessionEnded} if the client is gone.
 */
export async function receive(options: WaitOptions = {}): Promise<string> {
  return texts.next(() => arrived(bindings.session.receive(), bindings.wait.forString, 'message'), options);
}

/** The next file of the client; otherwise as {@link receive}. */
export async function receiveFile(options: WaitOptions = {}): Promise<Uint8Array> {
  return files.next(async () => u8s(await arrived(bindings.session.receiveFile(), bindings.wait.forBlob, 'file')), options);
}

/** The messages of the client one after the other, until it is gone. */
export async function* messages(): AsyncGenerator<string, void, undefined> {
  for (;;) {
    try {
      yield await receive();
    } catch (error) {
      if (error instanceof SessionEnded) return;
      throw error;
    }
  }
}

async function arrived<F extends Resource, T>(
  pending: F,
  comes: (pending: F) => Promise<T | null | undefined>,
  what: string,
): Promise<T> {
  const value = await arrival(comes(pending));
  drop(pending);
  if (value === null || value === undefined) throw new SessionEnded(`there will be no ${what}: the client is gone`);
  return value;
}

/** A message as the interface has it: text as it is, anything else as JSON. */
export function messageText(message: unknown): string {
  return text(typeof message === 'string' ? message : jsons.stringify(message), 'a message');
}
