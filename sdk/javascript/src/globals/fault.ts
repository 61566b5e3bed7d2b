/** Errors that nobody waits for: of callbacks, and of promises that were dropped. The first one is the error of the run. */

let report: ((error: unknown) => void) | undefined;
let kept: { error: unknown } | undefined;
let floatingCount = 0;

/** Takes an error that nobody waits for. */
export function fault(error: unknown): void {
  if (report !== undefined) report(error);
  else kept ??= { error };
}

/** Has such errors reported from now on, also one that has come before. */
export function onFault(listener: (error: unknown) => void): void {
  report = listener;
  if (kept !== undefined) {
    const { error } = kept;
    kept = undefined;
    listener(error);
  }
}

/** Watches a value that nobody uses: if it is a promise and rejects, that is such an error. Returns the value. */
export function floating<T>(value: T): T {
  if (value instanceof Promise) {
    floatingCount += 1;
    value.then(landed, (error: unknown) => {
      landed();
      fault(error);
    });
  }
  return value;
}

function landed(): void {
  floatingCount -= 1;
}

/** Whether there are promises that nobody uses and that have not come to an end. */
export function isAnyFloating(): boolean {
  return floatingCount > 0;
}

/** Calls a function whose result nobody uses. */
export function called(callback: () => unknown): void {
  try {
    floating(callback());
  } catch (error) {
    fault(error);
  }
}
