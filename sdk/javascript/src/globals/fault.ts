/** Errors that nobody waits for: of callbacks, and of promises that were dropped. The first one is the error of the run. */

let report: ((error: unknown) => void) | undefined;
let early: { error: unknown } | undefined;
let floatingCount = 0;

/** The method of the language itself, which tells nobody that it was called. */
const { then } = Promise.prototype;
/** Kept promises that have rejected, and that nobody has asked for. */
const rejected = new Map<Promise<unknown>, unknown>();

/** Takes an error that nobody waits for. */
export function fault(error: unknown): void {
  if (report !== undefined) report(error);
  else early ??= { error };
}

/** Has such errors reported from now on, also one that has come before. */
export function onFault(listener: (error: unknown) => void): void {
  report = listener;
  if (early !== undefined) {
    const { error } = early;
    early = undefined;
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

/**
 * Watches a value that is kept, and that somebody may wait for later: if it is a promise, rejects, and nobody ever asks for it, that is such an error in the end.
 * Returns the value.
 *
 * Whoever waits for a promise, in whatever way, first reads its `constructor`, to know whether it is one of the language itself. So a promise is watched by a
 * property of that name, which goes with the first that reads it.
 */
export function kept<T>(value: T): T {
  if (value instanceof Promise && !Object.hasOwn(value, 'constructor') && Object.isExtensible(value)) watch(value);
  return value;
}

function watch(promise: Promise<unknown>): void {
  let isCounted = true;
  const uncount = (): void => {
    if (isCounted) floatingCount -= 1;
    isCounted = false;
  };
  floatingCount += 1;
  void then.call(promise, uncount, (error: unknown) => {
    uncount();
    if (Object.hasOwn(promise, 'constructor')) rejected.set(promise, error);
  });
  Object.defineProperty(promise, 'constructor', {
    configurable: true,
    get() {
      Reflect.deleteProperty(promise, 'constructor');
      rejected.delete(promise);
      uncount();
      return promise.constructor;
    },
  });
}

/** Takes the error of a promise that was kept, has rejected, and was not asked for: the first, if there are some. */
export function lost(): { error: unknown } | undefined {
  const [error] = rejected.values();
  const isAny = rejected.size > 0;
  rejected.clear();
  return isAny ? { error } : undefined;
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
