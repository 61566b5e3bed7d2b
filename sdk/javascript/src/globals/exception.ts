/** `DOMException`: the error of the web platform, which says its kind in its name. */

const CODES: Record<string, number> = {
  NotFoundError: 8,
  NotSupportedError: 9,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidAccessError: 15,
  NetworkError: 19,
  AbortError: 20,
  QuotaExceededError: 22,
  TimeoutError: 23,
  DataCloneError: 25,
};

/** An error with a kind. */
export class DOMException extends Error {
  override readonly name: string;
  /** The number of the kind, for those that had one. */
  readonly code: number;

  constructor(message: string = '', name: string = 'Error') {
    super(message);
    this.name = name;
    this.code = CODES[name] ?? 0;
  }
}
