/**
 * Tools that the model may call: telling it about them, and reading its calls.
 *
 * A tool is described to the model by a JSON object with `name`, `description` and `parameters` (a JSON Schema). {@link tool} makes that description, and the way back
 * from JSON arguments to a call, of a function.
 *
 * @module
 */

import * as bindings from './bindings.ts';
import { described, fallible, list, owned, text, u32s } from './boundary.ts';
import { InferletError } from './errors.ts';
import { Grammar, Matcher } from './grammar.ts';
import type { RawDecoder, RawToolEvent } from './interfaces.ts';
import * as jsons from './jsons.ts';
import type { Model } from './model.ts';
import { Tool, Tools } from './tool.ts';

export { Tool, Tools, tool } from './tool.ts';
export type { ToolOptions } from './tool.ts';

/** What a batch of generated tokens amounts to. */
export type Event =
  /** A call may be coming: nothing complete so far. */
  | { type: 'start' }
  /** A complete call: the tool's name, and its arguments as JSON text. */
  | { type: 'call'; name: string; args: string };

/** Descriptions of tools: as JSON text, as objects, as {@link Tool}; or a set of {@link Tools}. */
export type Descriptions = Iterable<string | object> | Tools;

/** Finds tool calls in generated tokens. Stays `start` for a model without a tool format. */
export class Decoder {
  #raw: RawDecoder<RawToolEvent>;

  /** At the beginning of a turn. */
  constructor(model: Model) {
    this.#raw = owned(this, bindings.toolUse.createDecoder(model.raw));
  }

  /** Takes the next tokens, in order and each once. Throws {@link InferletError} on a token outside the vocabulary. */
  feed(tokens: Iterable<number>): Event {
    const ids = list(tokens, 'token ids');
    const event = fallible(() => this.#raw.feed(ids));
    if (event.tag === 'start') return { type: 'start' };
    const [name, args] = event.val;
    return { type: 'call', name, args };
  }

  /** Back to the start of a turn. */
  reset(): void {
    this.#raw.reset();
  }
}

/**
 * Tokens that tell the model about tools. Append them before the user's message, with {@link Context.append}.
 *
 * @throws {@link InferletError} on invalid JSON, a description without a name, or a model that has no tool format.
 */
export function equipPrefix(model: Model, schemas: Descriptions): Uint32Array {
  const tools = descriptions(schemas);
  return u32s(fallible(() => bindings.toolUse.equip(model.raw, tools)));
}

/** Tokens that give the model the result of a call. Text goes as it is, any other value as JSON. */
export function answerPrefix(model: Model, name: string, value: unknown): Uint32Array {
  const answer = text(typeof value === 'string' ? value : jsons.stringify(value), 'a result');
  return u32s(bindings.toolUse.answer(model.raw, text(name, 'the name of a tool'), answer));
}

/** The grammar of calls to these tools in the model's own format; `undefined` if it has none. */
export function nativeGrammar(model: Model, schemas: Descriptions): Grammar | undefined {
  const raw = bindings.toolUse.format(model.raw, descriptions(schemas));
  return raw ? new Grammar(raw) : undefined;
}

/** A matcher at the start of that grammar; `undefined` if the model has no format. Wrap it with {@link GrammarConstraint}. */
export function nativeMatcher(model: Model, schemas: Descriptions): Matcher | undefined {
  const grammar = nativeGrammar(model, schemas);
  return grammar && new Matcher(grammar, model.tokenizer());
}

/** The first complete call in a finished text: name, and arguments as JSON text. */
export function parseCall(model: Model, text: string): { name: string; args: string } | undefined {
  const decoder = new Decoder(model);
  // One token at a time: an event reports one call, and the first is wanted.
  for (const token of model.tokenizer().encode(text)) {
    const event = decoder.feed([token]);
    if (event.type === 'call') return { name: event.name, args: event.args };
  }
  return undefined;
}

function descriptions(schemas: Descriptions): string[] {
  if (schemas instanceof Tools) return schemas.schemas();
  if (typeof schemas === 'string' || typeof (schemas as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] !== 'function') {
    throw new InferletError(`descriptions of tools are a list, not ${described(schemas)}`);
  }
  return Array.from(schemas, (schema) => {
    if (typeof schema === 'string') return text(schema, 'the description of a tool');
    return schema instanceof Tool ? schema.schema() : text(jsons.stringify(schema), 'the description of a tool');
  });
}
