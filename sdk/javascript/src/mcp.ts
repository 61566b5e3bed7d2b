/**
 * Model Context Protocol: tools, resources and prompts of servers that whoever launched the inferlet has made available.
 *
 * What a session returns is the `result` of the server's reply, as JSON text. The whole program waits for each call.
 *
 * @module
 */

import * as bindings from './bindings.ts';
import { disowned, isRefusal, owned, text } from './boundary.ts';
import { McpError } from './errors.ts';
import type { Maybe, RawMcpSession } from './interfaces.ts';
import * as jsons from './jsons.ts';

/** Names that {@link connect} takes. */
export function availableServers(): string[] {
  return bindings.mcp.availableServers();
}

/** Opens a session. Throws {@link McpError} if there is no such server, or it does not answer in time. */
export function connect(name: string): McpSession {
  const server = text(name, 'the name of a server');
  return new McpSession(
    fallible(() => bindings.mcp.connect(server)),
    server,
  );
}

/**
 * An open session. The end of a block with `using` closes the connection. Made by {@link connect}.
 *
 * Each method throws {@link McpError} with what the server, or the connection, has to say.
 */
export class McpSession implements Disposable {
  /** The server's name. */
  readonly name: string;
  #raw: RawMcpSession;

  /** @internal */
  constructor(raw: RawMcpSession, name: string) {
    this.#raw = owned(this, raw);
    this.name = name;
  }

  /** The tools of the server: the reply to `tools/list`. */
  listTools(): string {
    return fallible(() => this.#raw.listTools());
  }

  /** Calls a tool with an object of arguments, as a value or as JSON text: the reply to `tools/call`. */
  callTool(name: string, args?: unknown): string {
    const tool = text(name, 'the name of a tool');
    const given = argumentsText(args);
    return fallible(() => this.#raw.callTool(tool, given));
  }

  /** The resources of the server: the reply to `resources/list`. */
  listResources(): string {
    return fallible(() => this.#raw.listResources());
  }

  /** One resource: the reply to `resources/read`. */
  readResource(uri: string): string {
    const resource = text(uri, 'the URI of a resource');
    return fallible(() => this.#raw.readResource(resource));
  }

  /** The prompts of the server: the reply to `prompts/list`. */
  listPrompts(): string {
    return fallible(() => this.#raw.listPrompts());
  }

  /** A prompt, filled in with an object of arguments, as a value or as JSON text: the reply to `prompts/get`. */
  getPrompt(name: string, args?: unknown): string {
    const prompt = text(name, 'the name of a prompt');
    const given = argumentsText(args);
    return fallible(() => this.#raw.getPrompt(prompt, given));
  }

  /** The end of `using`: closes the connection. */
  [Symbol.dispose](): void {
    disowned(this.#raw);
  }
}

function argumentsText(args: unknown): string {
  return text(args === undefined ? '{}' : typeof args === 'string' ? args : jsons.stringify(args), 'arguments');
}

function fallible<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { code, message, data } = error.payload as { code: number; message: string; data?: Maybe<string> };
    throw new McpError(code, message, data ?? undefined);
  }
}
