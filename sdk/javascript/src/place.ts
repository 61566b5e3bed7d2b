/** Where a program called what failed later: an engine's stacks end where a wait does. */

/**
 * Runs what waits, and adds to an error of it from where it was called. It has to be called before the first wait. It costs a few microseconds, so it is not for what
 * happens in each step.
 */
export async function fromHere<T>(work: () => Promise<T>): Promise<T> {
  const here = new Error();
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error) error.stack = `${error.stack ?? ''}\n${here.stack ?? ''}`;
    throw error;
  }
}
