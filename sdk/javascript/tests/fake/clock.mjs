/** Time that moves when nothing else can happen, and what is waited for. */

export const clock = { now: 0, blocks: 0 };

/** What functions of the interface throw: as the engine's runtime has it. */
export function refusal(payload) {
  const error = new Error(typeof payload === 'string' ? payload : 'refused (see error.payload)');
  error.payload = payload;
  return error;
}

/** What a resource can do besides its methods. */
export class Resource {
  isDropped = false;

  [Symbol.dispose]() {
    if (this.isDropped) throw new Error(`a ${this.constructor.name} was dropped twice`);
    this.isDropped = true;
  }
}

/** Something is there at a time, or once it has come. */
export class Pollable extends Resource {
  constructor(due, hasCome = () => false) {
    super();
    this.due = due;
    this.hasCome = hasCome;
  }

  ready() {
    return this.hasCome() || (this.due !== undefined && clock.now >= this.due);
  }

  block() {
    clock.blocks += 1;
    if (this.ready()) return;
    if (this.due === undefined) throw new Error('the program waits for something that cannot happen');
    clock.now = this.due;
  }
}

const waits = [];

/** Waits for a pollable, and then takes something. */
export function whenReady(pollable, take) {
  return new Promise((resolve) => {
    waits.push({ pollable, wake: () => resolve(take()) });
    if (waits.length === 1) setImmediate(turn);
  });
}

/** All that could go on has gone on: the first that is there goes on; if there is none, time moves. */
function turn() {
  let due = waits.filter(({ pollable }) => pollable.ready());
  if (due.length === 0) {
    const times = waits.map(({ pollable }) => pollable.due).filter((time) => time !== undefined);
    if (times.length > 0) clock.now = Math.min(...times);
    due = waits.filter(({ pollable }) => pollable.ready());
  }
  for (const wait of due) {
    waits.splice(waits.indexOf(wait), 1);
    wait.wake();
  }
  if (waits.length === 0) return;
  // Who waits for what only a test can bring does not keep the tests from ending.
  if (due.length > 0) setImmediate(turn);
  else setTimeout(turn, 1).unref();
}
