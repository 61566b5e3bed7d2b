/** The rest of the interface: a client that tests speak for, queues, children, servers, adapters, files, streams. */

import { Pollable, Resource, clock, refusal, whenReady } from './clock.mjs';
import { Grammar, Matcher } from './inference.mjs';
import { CUE, END, Tokenizer, USER, letterOf, tokensOf } from './model.mjs';

/** What tests see of the outside and do to it. */
export const outside = {
  sent: [],
  printed: '',
  errors: '',
  zo: [],
  mcp: [],
  launched: [],
  scheduling: { price: 1, rent: 0, dividend: 0, latency: 0.001, balance: 1000 },
  environment: [['MODE', 'test']],
};

/** A value that is there once it was given; `null` means that none will come. */
class Arrival extends Resource {
  #isThere = false;
  #value = null;

  give(value) {
    this.#isThere = true;
    this.#value = value;
  }

  pollable() {
    return new Pollable(undefined, () => this.#isThere);
  }

  get() {
    const value = this.#value;
    this.#value = null;
    return value;
  }
}

/** Askers and what they ask for, each in its order. */
class Line {
  #askers = [];
  #values = [];
  #isOver = false;

  ask() {
    const asker = new Arrival();
    this.#askers.push(asker);
    this.#serve();
    return asker;
  }

  put(value) {
    this.#values.push(value);
    this.#serve();
  }

  end() {
    this.#isOver = true;
    this.#serve();
  }

  #serve() {
    while (this.#askers.length > 0 && (this.#values.length > 0 || this.#isOver)) {
      this.#askers.shift().give(this.#values.length > 0 ? this.#values.shift() : null);
    }
  }
}

/** The client. */
export const client = { texts: new Line(), files: new Line() };

const queues = new Map();
const audience = new Set();

function queue(topic) {
  if (!queues.has(topic)) queues.set(topic, new Line());
  return queues.get(topic);
}

class Subscription extends Resource {
  messages = [];
  isOpen = true;

  constructor(topic) {
    super();
    this.topic = topic;
    audience.add(this);
  }

  pollable() {
    return new Pollable(undefined, () => this.messages.length > 0 || !this.isOpen);
  }

  get() {
    return this.messages.shift() ?? null;
  }

  unsubscribe() {
    this.isOpen = false;
    this.messages = [];
    audience.delete(this);
  }
}

class Child extends Resource {
  #due = clock.now + 1;
  #result;

  constructor(result) {
    super();
    this.#result = result;
  }

  pollable() {
    return new Pollable(this.#due);
  }

  get() {
    const result = this.#result;
    this.#result = null;
    return result;
  }

  pid() {
    return 'instance-2';
  }

  cancel() {
    this.#result = { tag: 'err', val: 'cancelled' };
  }
}

class ChatDecoder extends Resource {
  text = '';

  feed(tokens) {
    let delta = '';
    for (const token of tokens) {
      if (token === END) return { tag: 'done', val: this.text };
      if (token >= 60) return { tag: 'interrupt', val: token };
      delta += letterOf(token);
    }
    this.text += delta;
    return { tag: 'delta', val: delta };
  }

  reset() {
    this.text = '';
  }
}

/** `[` begins a block of reasoning, `]` ends it. */
class ReasoningDecoder extends Resource {
  isInside = false;
  text = '';

  feed(tokens) {
    let event = { tag: 'delta', val: '' };
    for (const letter of Array.from(tokens, letterOf)) {
      if (letter === '[') {
        this.isInside = true;
        event = { tag: 'start' };
      } else if (letter === ']' && this.isInside) {
        this.isInside = false;
        event = { tag: 'complete', val: this.text };
      } else if (this.isInside) {
        this.text += letter;
        event = { tag: 'delta', val: letter };
      }
    }
    return event;
  }

  reset() {
    this.isInside = false;
    this.text = '';
  }
}

/** `^` is a call of `add` with 1 and 2. */
class ToolDecoder extends Resource {
  feed(tokens) {
    const isCall = Array.from(tokens).some((token) => token < 60 && letterOf(token) === '^');
    return isCall ? { tag: 'call', val: ['add', '{"a": 1, "b": 2}'] } : { tag: 'start' };
  }

  reset() {}
}

class McpSession extends Resource {
  #call(...call) {
    outside.mcp.push(call);
    return JSON.stringify(call);
  }

  listTools() {
    return this.#call('tools/list');
  }

  callTool(name, args) {
    if (name === 'broken') throw refusal({ code: -32000, message: 'it broke', data: '{"why":1}' });
    return this.#call('tools/call', name, args);
  }

  listResources() {
    return this.#call('resources/list');
  }

  readResource(uri) {
    return this.#call('resources/read', uri);
  }

  listPrompts() {
    return this.#call('prompts/list');
  }

  getPrompt(name, args) {
    return this.#call('prompts/get', name, args);
  }
}

const adapters = new Map();

export class Adapter extends Resource {
  constructor(name) {
    super();
    this.name = name;
  }

  static create(_model, name) {
    if (adapters.has(name)) throw refusal(`\`${name}\` is in use`);
    adapters.set(name, true);
    return new Adapter(name);
  }

  static open(_model, name) {
    return adapters.has(name) ? new Adapter(name) : null;
  }

  destroy() {
    adapters.delete(this.name);
  }

  fork(name) {
    adapters.set(name, true);
    return new Adapter(name);
  }

  load(path) {
    if (!path.startsWith('/scratch/')) throw refusal(`\`${path}\` is not below \`/scratch\``);
  }

  save(path) {
    this.load(path);
  }
}

class OutputStream extends Resource {
  #write;

  constructor(write) {
    super();
    this.#write = write;
  }

  blockingWriteAndFlush(bytes) {
    if (bytes.length > 4096) throw new Error('too much at once');
    this.#write(new TextDecoder().decode(bytes));
  }
}

/** Bytes that follow from a seed. */
let seed = 1;
function randomBytes(length) {
  return Uint8Array.from({ length }, () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return seed >>> 16;
  });
}

const taken = (future) => whenReady(future.pollable(), () => future.get());

/** Modules of the interface by name. */
export const modules = {
  'pie:core/adapter': { Adapter },
  'pie:core/messaging': {
    push: (topic, message) => queue(topic).put(message),
    pull: (topic) => queue(topic).ask(),
    broadcast: (topic, message) => {
      for (const one of audience) if (one.topic === topic) one.messages.push(message);
    },
    subscribe: (topic) => new Subscription(topic),
  },
  'pie:core/runtime': {
    version: () => '0.3.1',
    instanceId: () => 'instance-1',
    username: () => 'ada',
    models: () => ['default'],
    launch: (program, input) => {
      if (!['echo', 'worker', 'broken'].includes(program)) throw refusal(`there is no \`${program}\` among the dependencies`);
      outside.launched.push([program, input]);
      return new Child(program === 'broken' ? { tag: 'err', val: 'it broke' } : { tag: 'ok', val: input });
    },
  },
  'pie:core/scheduling': {
    price: () => outside.scheduling.price,
    rent: () => outside.scheduling.rent,
    dividend: () => outside.scheduling.dividend,
    latency: () => outside.scheduling.latency,
    balance: () => outside.scheduling.balance,
  },
  'pie:core/session': {
    send: (message) => void outside.sent.push(message),
    receive: () => client.texts.ask(),
    sendFile: (data) => void outside.sent.push(data),
    receiveFile: () => client.files.ask(),
  },
  'pie:core/wait': {
    forOutput: taken,
    forString: taken,
    forBlob: taken,
    forChild: taken,
    forMessage: taken,
    sleep: (duration) => whenReady(new Pollable(clock.now + Math.max(1, duration)), () => undefined),
  },
  'pie:instruct/chat': {
    system: (_model, message) => tokensOf(message),
    user: (_model, message) => [USER, ...tokensOf(message), END],
    assistant: (_model, message) => [CUE, ...tokensOf(message), END],
    cue: () => [CUE],
    seal: () => [END],
    stopTokens: () => [END],
    createDecoder: () => new ChatDecoder(),
  },
  'pie:instruct/reasoning': { createDecoder: () => new ReasoningDecoder() },
  'pie:instruct/tool-use': {
    equip: (_model, tools) =>
      tools.flatMap((tool) => {
        const { name } = JSON.parse(tool);
        if (name === undefined) throw refusal(`a tool has no name: ${tool}`);
        return tokensOf(name);
      }),
    answer: (_model, name, value) => tokensOf(`${name}=${value}`),
    createDecoder: () => new ToolDecoder(),
    format: (_model, tools) => (tools.length > 0 ? new Grammar('^', 'calls') : null),
    createMatcher: () => new Matcher(new Grammar('^', 'calls'), new Tokenizer()),
  },
  'pie:mcp/client': {
    availableServers: () => ['files'],
    connect: (name) => {
      if (name !== 'files') throw refusal({ code: -32001, message: `there is no server \`${name}\``, data: null });
      return new McpSession();
    },
  },
  'pie:zo/zo': {
    adapterSeed: (pass, number) => {
      pass.seed = number;
    },
    initialize: (adapter, ...options) => {
      if (!(options[3] > 0 && options[3] <= 1)) throw refusal(`the fraction ${options[3]} is not in 0 to 1`);
      outside.zo.push(['initialize', adapter.name, ...options]);
    },
    update: (adapter, scores, seeds, sigma) => {
      if (scores.length !== seeds.length) throw refusal(`${scores.length} scores with ${seeds.length} seeds`);
      outside.zo.push(['update', adapter.name, [...scores], [...seeds], sigma]);
    },
  },
  'wasi:cli/environment': { getEnvironment: () => outside.environment },
  'wasi:cli/stdout': {
    getStdout: () =>
      new OutputStream((text) => {
        outside.printed += text;
      }),
  },
  'wasi:cli/stderr': {
    getStderr: () =>
      new OutputStream((text) => {
        outside.errors += text;
      }),
  },
  'wasi:clocks/monotonic-clock': {
    now: () => clock.now,
    subscribeDuration: (duration) => new Pollable(clock.now + Number(duration)),
  },
  'wasi:io/poll': {
    poll: (pollables) => {
      if (!pollables.some((one) => one.ready())) clock.now = Math.min(...pollables.flatMap(({ due }) => due ?? []));
      return pollables.flatMap((one, index) => (one.ready() ? [index] : []));
    },
  },
  'wasi:random/insecure': { getInsecureRandomBytes: randomBytes },
  'wasi:random/random': { getRandomBytes: randomBytes },
};
