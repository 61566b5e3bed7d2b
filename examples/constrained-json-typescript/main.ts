/** Turns a report into a ticket: JSON that satisfies a schema, whatever the model would like to say. */

import { Context, Model, Sampler } from 'inferlet';

/** What a ticket looks like. */
const TICKET = `{
    "type": "object",
    "properties": {
        "title": { "type": "string", "minLength": 1, "maxLength": 60 },
        "severity": { "enum": ["low", "medium", "high"] },
        "parts": { "type": "array", "items": { "type": "string", "maxLength": 30 }, "maxItems": 3 },
        "reproducible": { "type": "boolean" }
    },
    "required": ["title", "severity", "parts", "reproducible"],
    "additionalProperties": false
}`;

interface Ticket {
  title: string;
  severity: 'low' | 'medium' | 'high';
  parts: string[];
  reproducible: boolean;
}

export async function main(input: { report: string }): Promise<Ticket> {
  const model = Model.load('default');
  using ctx = new Context(model);
  ctx.system('You write tickets, in JSON.').user(input.report);
  return await ctx.generate(Sampler.argmax(), { maxTokens: 256 }).collectJson<Ticket>({ schema: TICKET });
}
