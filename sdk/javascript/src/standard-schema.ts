/**
 * Validators that follow Standard Schema: those of zod, valibot, arktype and others. They say whether a value is right; most say as JSON Schema what a right value
 * looks like, so that nothing else is generated.
 *
 * @module
 */

import { InferletError } from './errors.ts';
import { valibotSchema } from './valibot.ts';

/** A validator as the specification of Standard Schema, version 1, has it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What it says of itself. */
  readonly '~standard': StandardSchema.Props<Input, Output>;
}

export declare namespace StandardSchema {
  /** What a validator says of itself. */
  interface Props<Input = unknown, Output = Input> {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown, ...rest: any[]) => Result<Output> | Promise<Result<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly jsonSchema?: { readonly input: (options: any) => Record<string, unknown> } | undefined;
  }

  /** A value, or what is wrong with it. */
  type Result<Output> =
    | { readonly value: Output; readonly issues?: undefined }
    | { readonly issues: readonly Issue[] };

  /** One thing that is wrong. */
  interface Issue {
    readonly message: string;
    readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  }

  /** The type of a right value. */
  type Output<S extends StandardSchema<any, any>> = NonNullable<S['~standard']['types']>['output'];
}

/** Whether a value is such a validator. Those of arktype are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof (value as Partial<StandardSchema>)['~standard']?.validate === 'function';
}

/** The JSON Schema of what a validator takes; `undefined` if it does not say. Throws {@link InferletError} if it has none. */
export function schemaOf(validator: StandardSchema): Record<string, unknown> | undefined {
  const { jsonSchema, vendor } = validator['~standard'];
  try {
    if (jsonSchema !== undefined) return unnamed(jsonSchema.input({ target: 'draft-2020-12' }));
    if (vendor === 'valibot') return valibotSchema(validator);
  } catch (error) {
    if (error instanceof InferletError) throw error;
    throw new InferletError(`the schema (of ${vendor}) cannot be said as JSON Schema: ${(error as Error).message}`);
  }
  return undefined;
}

function unnamed(schema: Record<string, unknown>): Record<string, unknown> {
  const { $schema: _, ...rest } = schema;
  return rest;
}

/** The value that a validator makes of one. Throws {@link InferletError} with all that is wrong. */
export async function validated<O>(validator: StandardSchema<unknown, O>, value: unknown, what: string): Promise<O> {
  const result = await validator['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  throw new InferletError(`${what} does not fit: ${result.issues.map(shown).join('; ')}`);
}

function shown({ message, path }: StandardSchema.Issue): string {
  const keys = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  return keys.length === 0 ? message : `\`${keys.join('.')}\`: ${message}`;
}
