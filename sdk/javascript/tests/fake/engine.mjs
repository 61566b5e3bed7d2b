/** All of the interface, checked against `wit/`. */

import { Context } from './context.mjs';
import * as files from './files.mjs';
import { ForwardPass, Grammar, Matcher } from './inference.mjs';
import { Model, Tokenizer } from './model.mjs';
import * as network from './network.mjs';
import { checked } from './wit.mjs';
import * as world from './world.mjs';

// Resources that functions return, whose methods are checked too.
checked('wasi:filesystem/types', { Descriptor: files.Descriptor });

const plain = {
  'pie:core/context': { Context },
  'pie:core/inference': { ForwardPass, Grammar, Matcher },
  'pie:core/model': { Model, Tokenizer },
  ...world.modules,
  ...files.modules,
};

/** Modules by name. */
export const modules = Object.fromEntries(Object.entries(plain).map(([name, module]) => [name, checked(name, module)]));
Object.assign(modules, network.modules);

/** One of them. */
export function module(name) {
  if (modules[name] === undefined) throw new Error(`the fake has no module ${name}`);
  return modules[name];
}
