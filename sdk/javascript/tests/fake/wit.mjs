/**
 * Reads the interface from `wit/`, and checks what the SDK hands to it: a value of a wrong type would end an instance, so here it is an
 * error of the test.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const own = process.env.INFERLET_WIT;
const folder = own === undefined ? new URL('../../../../wit/deps/', import.meta.url) : new URL('deps/', pathToFileURL(`${own}/`));

/** Interfaces by name, such as `pie:core/context`: functions, resources with theirs, and types. */
export const interfaces = new Map();

function parseFile(text, packageName) {
  const plain = text.replace(/\/\/.*$/gm, '').replace(/@(since|unstable|deprecated)\([^)]*\)/g, '');
  const words = plain.match(/->|[%\w:/-]+(@[\d.]+)?|[{}()<>,;=.*]/g) ?? [];
  for (let at = 0; at < words.length; at += 1) {
    if (words[at] !== 'interface' || words[at + 2] !== '{') continue;
    const name = `${packageName}/${words[at + 1]}`;
    const reader = new Reader(words, at + 3, name);
    interfaces.set(name, reader.interface());
  }
}

class Reader {
  constructor(words, at, name) {
    Object.assign(this, { words, at, name });
    this.types = new Map();
  }

  next() {
    this.at += 1;
    return this.words[this.at - 1].replace(/^%/, '');
  }

  isNext(word) {
    if (this.words[this.at] !== word) return false;
    this.at += 1;
    return true;
  }

  interface() {
    const found = { functions: new Map(), resources: new Map(), types: this.types };
    while (!this.isNext('}')) this.item(found);
    return found;
  }

  item(found) {
    const word = this.next();
    if (word === 'use') return this.use();
    if (word === 'type') {
      const name = this.next();
      this.next();
      this.types.set(name, this.type());
      return this.next();
    }
    if (['record', 'variant', 'flags', 'enum'].includes(word)) return this.definition(word);
    if (word === 'resource') {
      const name = this.next();
      const methods = new Map();
      if (!this.isNext(';')) {
        this.next();
        while (!this.isNext('}')) this.method(methods);
      }
      found.resources.set(name, methods);
      return this.types.set(name, { kind: 'resource', name });
    }
    return found.functions.set(word.replace(/:$/, ''), this.function());
  }

  use() {
    const path = this.next();
    const from = path.includes(':') ? path.replace(/@[\d.]+$/, '') : `${this.name.split('/')[0]}/${path}`;
    while (!this.isNext('{')) this.at += 1;
    while (!this.isNext('}')) {
      const name = this.next();
      this.types.set(name, { kind: 'used', from, name });
      this.isNext(',');
    }
    this.isNext(';');
  }

  definition(kind) {
    const name = this.next();
    this.next();
    const parts = [];
    while (!this.isNext('}')) {
      let part = this.next();
      let type;
      if (kind === 'record') {
        part = part.replace(/:$/, '');
        type = this.type();
      } else if (this.isNext('(')) {
        type = this.type();
        this.next();
      }
      parts.push([part, type]);
      this.isNext(',');
    }
    this.types.set(name, { kind, parts });
  }

  method(methods) {
    const word = this.next();
    if (word === 'constructor') {
      methods.set('constructor', { form: 'constructor', parameters: this.parameters() });
      this.next();
      return;
    }
    methods.set(word.replace(/:$/, ''), this.function());
  }

  function() {
    const form = this.isNext('static') ? 'static' : 'method';
    const isAsync = this.isNext('async');
    if (this.next() !== 'func') throw new Error(`${this.name}: expected a function`);
    const parameters = this.parameters();
    const result = this.isNext('->') ? this.type() : undefined;
    this.next();
    return { form, isAsync, parameters, result };
  }

  parameters() {
    const parameters = [];
    this.next();
    while (!this.isNext(')')) {
      const name = this.next().replace(/:$/, '');
      parameters.push([name, this.type()]);
      this.isNext(',');
    }
    return parameters;
  }

  type() {
    const name = this.next();
    if (!this.isNext('<')) return { kind: 'named', name };
    const inner = [];
    while (!this.isNext('>')) {
      inner.push(this.type());
      this.isNext(',');
    }
    return { kind: name, inner };
  }
}

const camel = (name) => name.toLowerCase().replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
const pascal = (name) => name.replace(/(^|-)(\w)/g, (_, __, letter) => letter.toUpperCase());

/** The modules of an implementation, with checks of what their functions are given; and an error where something is missing. */
export function checked(name, implementation) {
  const { functions, resources } = interfaces.get(name);
  const module = {};
  for (const [own, signature] of functions) {
    const key = camel(own);
    if (implementation[key] === undefined && name.startsWith('wasi:')) continue;
    module[key] = guarded(`${name}.${key}`, signature, implementation[key]);
  }
  for (const [own, methods] of resources) {
    const key = pascal(own);
    const Class = implementation[key];
    if (Class === undefined) continue;
    for (const [method, signature] of methods) guardMethod(`${name}.${key}`, Class, method, signature);
    module[key] = methods.has('constructor') ? guardedClass(`${name}.${key}`, Class, methods.get('constructor')) : Class;
  }
  return module;
}

function guardMethod(where, Class, name, signature) {
  if (signature.form === 'constructor') return;
  const place = signature.form === 'static' ? Class : Class.prototype;
  const key = camel(name);
  if (typeof place[key] !== 'function') {
    // Of WASI there is what is used.
    if (where.startsWith('wasi:')) return;
    throw new Error(`the fake of ${where} has no ${key}`);
  }
  place[key] = guarded(`${where}.${key}`, signature, place[key]);
}

function guardedClass(where, Class, { parameters }) {
  return new Proxy(Class, {
    construct(target, values) {
      check(where, parameters, values);
      return new target(...values);
    },
  });
}

function guarded(where, { parameters }, call) {
  return function (...values) {
    if (this?.isDropped) throw new Error(`${where} on what was dropped`);
    check(where, parameters, values);
    return call.apply(this, values);
  };
}

function check(where, parameters, values) {
  if (values.length !== parameters.length) throw new Error(`${where} takes ${parameters.length} values, not ${values.length}`);
  const interfaceName = /^[^.]+/.exec(where)[0];
  for (const [index, [name, type]] of parameters.entries()) {
    const wrong = misfit(type, values[index], interfaceName);
    if (wrong !== undefined) throw new Error(`${where}, \`${name}\`: ${wrong}`);
  }
}

const isInteger = (low, high) => (value) => Number.isInteger(value) && value >= low && value <= high;
const PLAIN = {
  bool: (value) => typeof value === 'boolean',
  string: (value) => typeof value === 'string' && value.isWellFormed(),
  f32: (value) => typeof value === 'number',
  f64: (value) => typeof value === 'number',
  u8: isInteger(0, 255),
  u16: isInteger(0, 65535),
  // The engine's runtime reads a single number as one with a sign.
  u32: isInteger(0, 2 ** 31 - 1),
  s32: isInteger(-(2 ** 31), 2 ** 31 - 1),
  u64: (value) => isInteger(0, Number.MAX_SAFE_INTEGER)(Number(value)),
  s64: isInteger(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
};
const ARRAYS = { u8: Uint8Array, u32: Uint32Array, f32: Float32Array, s64: BigInt64Array };

/** Why a value is none of a type; `undefined` if it is one. */
function misfit(type, value, home) {
  switch (type.kind) {
    case 'named':
      return type.name in PLAIN
        ? PLAIN[type.name](value)
          ? undefined
          : `${String(value)} is no ${type.name}`
        : defined(type.name, value, home);
    case 'borrow':
    case 'own':
      return misfit(type.inner[0], value, home);
    case 'option':
      return value === null || value === undefined ? undefined : misfit(type.inner[0], value, home);
    case 'list':
      return listed(type.inner[0], value, home);
    case 'tuple':
      if (!Array.isArray(value) || value.length !== type.inner.length) return 'it is no tuple';
      return type.inner.map((one, index) => misfit(one, value[index], home)).find(Boolean);
    default:
      return `nobody knows \`${type.kind}\``;
  }
}

function listed(type, value, home) {
  const Typed = ARRAYS[type.name];
  if (Typed !== undefined && value instanceof Typed) return undefined;
  if (!Array.isArray(value)) return `it is no list of ${type.name ?? type.kind}`;
  return value.map((one) => misfit(type, one, home)).find(Boolean);
}

function defined(name, value, home) {
  const type = interfaces.get(home).types.get(name);
  if (type === undefined) return `there is no type \`${name}\` in ${home}`;
  switch (type.kind) {
    case 'used':
      return defined(type.name, value, type.from);
    case 'resource':
      return value?.constructor?.name !== pascal(type.name) && !(value?.isDropped === false)
        ? `it is no ${type.name}`
        : value.isDropped
          ? `this ${type.name} was dropped`
          : undefined;
    case 'variant': {
      const part = type.parts.find(([own]) => own === value?.tag);
      if (part === undefined) return `\`${value?.tag}\` is no case of ${name}`;
      return part[1] === undefined ? undefined : misfit(part[1], value.val, home);
    }
    case 'record':
      return type.parts.map(([own, one]) => misfit(one, value?.[camel(own)], home)).find(Boolean);
    case 'enum':
      return type.parts.some(([own]) => own === value) ? undefined : `\`${value}\` is no case of ${name}`;
    case 'flags':
      return type.parts.every(([own]) => typeof value?.[camel(own)] === 'boolean') ? undefined : `these are no ${name}`;
    default:
      return misfit(type, value, home);
  }
}

for (const name of readdirSync(folder)) {
  const files = readdirSync(new URL(`${name}/`, folder)).map((file) => readFileSync(new URL(`${name}/${file}`, folder), 'utf8'));
  const packageName = /^package ([\w:-]+)/m.exec(files.find((text) => /^package /m.test(text)))[1];
  for (const text of files) parseFile(text, packageName);
}
