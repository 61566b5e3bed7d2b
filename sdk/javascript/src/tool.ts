/** Functions that the model can call. */

import { described } from './boundary.ts';
import { InferletError } from './errors.ts';
import { misfits } from './json-schema.ts';
import * as jsons from './jsons.ts';
import { type StandardSchema, isStandardSchema, schemaOf, validated } from './standard-schema.ts';

/** What {@link tool} makes a tool of. */
export interface ToolOptions<P, A, R> {
  /** What the model calls it by. Without one, the name of the function. */
  name?: string | undefined;
  /** Tells the model what it is for. */
  description: string;
  /** What its arguments are, an object: a JSON Schema, or a validator that follows Standard Schema. Without one it takes none. */
  parameters?: P | undefined;
  /** Does it. What it returns goes back to the model as JSON. */
  execute: (args: A) => R | Promise<R>;
}

type Arguments<P> = P extends StandardSchema<any, any> ? StandardSchema.Output<P> : any;

/** A function that the model can call, made by {@link tool}. */
export class Tool<A = any, R = unknown> {
  /** The name that the model calls it by. */
  readonly name: string;
  /** The function itself. */
  readonly execute: (args: A) => R | Promise<R>;
  #schema: string;
  #check: (args: unknown) => Promise<A>;

  /** @internal */
  constructor(options: ToolOptions<unknown, A, R>) {
    const { execute, description, parameters } = options;
    if (typeof execute !== 'function') throw new InferletError('a tool needs a function, `execute`');
    const name = options.name ?? execute.name;
    if (typeof name !== 'string' || name === '' || (options.name === undefined && name === 'execute')) {
      throw new InferletError('a tool needs a name: give it one, or give a function that has one as `execute`');
    }
    if (typeof description !== 'string' || description.trim() === '') {
      throw new InferletError(`the tool \`${name}\` needs a description: it tells the model what the tool is for`);
    }
    this.name = name;
    this.execute = execute;
    const [schema, check] = taken<A>(name, parameters);
    this.#check = check;
    // Keys in the order of the alphabet: the other languages' SDKs write them so, and tokens depend on it.
    this.#schema = jsons.sorted({ name, description, parameters: schema });
  }

  /** The description for {@link tools.equipPrefix}: JSON with `name`, `description` and `parameters`. */
  schema(): string {
    return this.#schema;
  }

  /**
   * Calls it with arguments as a JSON object; no text at all stands for no arguments. The result is JSON.
   *
   * @throws {@link InferletError} if the arguments do not fit, with what was expected, to be shown to the model.
   */
  async call(argumentsJson: string): Promise<string> {
    let args: A;
    try {
      args = await this.#check(JSON.parse(argumentsJson.trim() || '{}'));
    } catch (error) {
      throw new InferletError(`arguments of \`${this.name}\` do not fit: ${(error as Error).message}`);
    }
    const result = await this.execute(args);
    try {
      return jsons.stringify(result);
    } catch (error) {
      throw new InferletError(`the result of \`${this.name}\`: ${(error as Error).message}`);
    }
  }
}

/** The JSON Schema of the arguments, and how they are checked. */
function taken<A>(name: string, parameters: unknown): [object, (args: unknown) => Promise<A>] {
  if (isStandardSchema(parameters)) {
    const schema = schemaOf(parameters);
    if (schema === undefined) {
      throw new InferletError(`the tool \`${name}\`: its validator does not say a JSON Schema, which the model needs`);
    }
    return [schema, (args) => validated(parameters as StandardSchema<unknown, A>, args, 'what was given')];
  }
  const schema: unknown = parameters ?? { type: 'object', properties: {}, additionalProperties: false };
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    throw new InferletError(`the tool \`${name}\`: its parameters are a JSON Schema or a validator, not ${described(schema)}`);
  }
  const check = (args: unknown): Promise<A> => {
    const wrong = misfits(args, schema);
    if (wrong !== undefined) throw new InferletError(wrong);
    return Promise.resolve(args as A);
  };
  return [schema, async (args) => check(args)];
}

/**
 * Makes a function into a tool.
 *
 * @example
 * const add = tool({
 *   name: 'add',
 *   description: 'Adds two numbers.',
 *   parameters: {
 *     type: 'object',
 *     properties: { a: { type: 'integer' }, b: { type: 'integer' } },
 *     required: ['a', 'b'],
 *   },
 *   execute: ({ a, b }) => a + b,
 * });
 */
export function tool<P, R>(options: ToolOptions<P, Arguments<P>, R>): Tool<Arguments<P>, R> {
  return new Tool(options as ToolOptions<unknown, Arguments<P>, R>);
}

/** A set of tools, called by name. One added later replaces one of the same name. */
export class Tools {
  #tools = new Map<string, Tool>();

  /** A set, of none at first or of some. */
  constructor(tools: Iterable<Tool> = []) {
    for (const one of tools) this.add(one);
  }

  /** Adds a tool. */
  add(tool: Tool): this {
    this.#tools.delete(tool.name);
    this.#tools.set(tool.name, tool);
    return this;
  }

  /** Names, in the order in which the tools were added. */
  names(): string[] {
    return [...this.#tools.keys()];
  }

  /** Descriptions for {@link tools.equipPrefix}, in the same order. */
  schemas(): string[] {
    return Array.from(this.#tools.values(), (tool) => tool.schema());
  }

  /**
   * Calls a tool by its name, with arguments as a JSON object; returns its result as JSON.
   *
   * @throws {@link InferletError} if there is no such tool or the arguments do not fit, and what the tool itself throws. All are worth showing to the model, with
   *   {@link tools.answerPrefix}.
   */
  async call(name: string, argumentsJson: string): Promise<string> {
    const found = this.#tools.get(name);
    if (found === undefined) {
      throw new InferletError(`no tool \`${name}\`; there are ${this.names().map((known) => `\`${known}\``).join(', ')}`);
    }
    return found.call(argumentsJson);
  }
}
