/** Validators of zod, valibot and arktype, as schemas of outputs and of tools. */

import { type } from 'arktype';
import { Sampler, tool } from 'inferlet';
import * as v from 'valibot';
import { z } from 'zod';

import { ctx } from '../reference/around.ts';

const generate = () => ctx.fork().generate(Sampler.argmax(), { maxTokens: 9 });

// What is collected has the type of the validator's output.
const ofZod: string[] = await generate().collectJson({ schema: z.array(z.string()).default([]) });
const ofValibot: number[] = await generate().collectJson({ schema: v.array(v.number()) });
const ofArktype: number[] = await generate().collectJson({ schema: type('number[]') });
const transformed: Set<string> = await generate().collectJson({ schema: z.array(z.string()).transform((all) => new Set(all)) });
if (ofZod.length + ofValibot.length + ofArktype.length + transformed.size > 0) throw new Error('there was nothing');

// A validator has the last word.
const refusal = await generate()
  .collectJson({ schema: z.array(z.int()).refine(() => false, { error: 'not these' }) })
  .then(() => 'nothing', (error: Error) => error.message);
if (refusal !== 'the output does not fit: not these') throw new Error(refusal);

// Arguments of tools have the type of the validator's output, and their schema goes to the model.
const schemas = [
  tool({
    name: 'move', description: 'Moves.', parameters: z.strictObject({ to: z.enum(['a', 'b']), steps: z.int().min(1).max(5) }),
    execute: ({ to, steps }) => `${to.toUpperCase()}${steps.toFixed(0)}`,
  }),
  tool({
    name: 'move', description: 'Moves.', parameters: v.object({ to: v.picklist(['a', 'b']), steps: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(5)) }),
    execute: ({ to, steps }) => `${to.toUpperCase()}${steps.toFixed(0)}`,
  }),
  tool({
    name: 'move', description: 'Moves.', parameters: type({ '+': 'reject', to: "'a' | 'b'", steps: '1 <= number.integer <= 5' }),
    execute: ({ to, steps }) => `${to.toUpperCase()}${steps.toFixed(0)}`,
  }),
];
for (const one of schemas) {
  const { parameters } = JSON.parse(one.schema());
  if (parameters.type !== 'object' || parameters.properties.steps.type !== 'integer' || parameters.properties.steps.maximum !== 5) {
    throw new Error(one.schema());
  }
  if (JSON.stringify(parameters.properties.to.enum) !== '["a","b"]' || parameters.required.length !== 2) throw new Error(one.schema());
  if ('$schema' in parameters) throw new Error(one.schema());
  const answer = await one.call('{"to": "a", "steps": 2}');
  if (answer !== '"A2"') throw new Error(answer);
  const wrong = await one.call('{"to": "c", "steps": 9}').then(() => 'nothing', (error: Error) => error.message);
  if (!wrong.startsWith('arguments of `move` do not fit: what was given does not fit: ')) throw new Error(wrong);
}

// What of valibot is read, and what cannot be.
const person = v.object({
  name: v.pipe(v.string(), v.minLength(1), v.regex(/^\w+$/), v.description('who')),
  tags: v.optional(v.pipe(v.array(v.union([v.string(), v.literal(3)])), v.maxLength(2))),
  point: v.tuple([v.number(), v.nullable(v.boolean())]),
  rest: v.record(v.string(), v.unknown()),
});
const { parameters } = JSON.parse(tool({ name: 'f', description: 'x', parameters: person, execute: () => 1 }).schema());
const expected = {
  additionalProperties: false,
  properties: {
    name: { description: 'who', minLength: 1, pattern: '^\\w+$', type: 'string' },
    point: { maxItems: 2, minItems: 2, prefixItems: [{ type: 'number' }, { anyOf: [{ type: 'boolean' }, { type: 'null' }] }], type: 'array' },
    rest: { additionalProperties: {}, type: 'object' },
    tags: { items: { anyOf: [{ type: 'string' }, { const: 3 }] }, maxItems: 2, type: 'array' },
  },
  required: ['name', 'point', 'rest'],
  type: 'object',
};
if (JSON.stringify(parameters) !== JSON.stringify(expected)) throw new Error(JSON.stringify(parameters));
const date = await generate().collectJson({ schema: v.date() }).then(() => 'nothing', (error: Error) => error.message);
if (!date.includes('`date` of valibot cannot be said as JSON Schema')) throw new Error(date);
