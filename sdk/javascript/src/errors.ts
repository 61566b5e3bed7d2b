/** What goes wrong. */

/**
 * The engine, or this SDK, refused something. `message` is one line for a person.
 *
 * Not caught, it ends the run, and the line is the run's error.
 */
export class InferletError extends Error {
  static {
    this.prototype.name = 'InferletError';
  }
}

/** The client is gone: nothing more will come. */
export class SessionEnded extends InferletError {
  static {
    this.prototype.name = 'SessionEnded';
  }
}

/** An error of an MCP server, or of the connection to it. */
export class McpError extends InferletError {
  static {
    this.prototype.name = 'McpError';
  }

  /** Error code of JSON-RPC; those from -32768 to -32000 are the protocol's own. */
  readonly code: number;
  /** What the server added, as JSON text. */
  readonly data: string | undefined;

  /** An error with a code. */
  constructor(code: number, message: string, data?: string) {
    super(`${message} (code ${code})${data === undefined ? '' : `: ${data}`}`);
    this.code = code;
    this.data = data;
  }
}
