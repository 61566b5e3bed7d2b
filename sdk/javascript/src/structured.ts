/** What `collectJson` is given as a schema, as something to constrain with and something that has the last word. */

import { described } from './boundary.ts';
import { type Schema, anyJson, jsonSchema } from './constraint.ts';
import { InferletError } from './errors.ts';
import { type StandardSchema, isStandardSchema, schemaOf, validated } from './standard-schema.ts';

/** How {@link Generator.collectJson} reads what was generated. */
export interface JsonOptions<T> {
  /** A JSON Schema as text or as an object, a {@link Schema}, or a validator that follows Standard Schema. */
  schema?: string | object | Schema | StandardSchema | undefined;
  /** Makes something else of the value. */
  parse?: ((val: any) => T) | undefined;
}

/** A schema and, if it has one, its validator. */
export interface Structured {
  schema: Schema;
  validate?: (value: unknown) => Promise<unknown>;
}

/** What `schema` stands for. */
export function structured(schema: JsonOptions<unknown>['schema']): Structured {
  if (schema === undefined) return { schema: anyJson() };
  if (typeof schema === 'string') return { schema: jsonSchema(schema) };
  if (isStandardSchema(schema)) {
    const known = schemaOf(schema);
    return {
      schema: known === undefined ? anyJson() : jsonSchema(known),
      validate: (value) => validated(schema, value, 'the output'),
    };
  }
  if (typeof schema !== 'object' || schema === null) {
    throw new InferletError(`${described(schema)} is no schema: a JSON Schema as text or object, or a validator`);
  }
  if (typeof (schema as Partial<Schema>).buildConstraint === 'function') return { schema: schema as Schema };
  return { schema: jsonSchema(schema) };
}

/** The value in a text. `limit` is that of the tokens, if it was reached. */
export function readJson(text: string, limit: number | undefined): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (limit !== undefined) throw new InferletError(`the limit of ${limit} tokens cut the JSON short: ${text}`);
    throw new InferletError(`the output is no JSON: ${(error as Error).message}: ${text}`);
  }
}
