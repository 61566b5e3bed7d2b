/** Turns a report into a ticket: JSON that satisfies a schema, whatever the model would like to say. */
import { Context, Model, Sampler } from 'inferlet';

/** What a ticket looks like. */
const TICKET = {
  type: 'object',
  properties: {
    title: { type: 'string', minLength: 1, maxLength: 60 },
    severity: { enum: ['low', 'medium', 'high'] },
    reproducible: { type: 'boolean' },
  },
  required: ['title', 'severity', 'reproducible'],
  additionalProperties: false,
};

/** @param {any} ticket */
export function isUrgent(ticket) {
  return ticket.severity === 'high' && ticket.reproducible;
}

/** @param {{ report: string }} input */
export async function main({ report }) {
  using ctx = new Context(Model.load('default'));
  ctx.system('You write tickets, in JSON.').user(report);
  const generator = ctx.generate(Sampler.argmax(), { maxTokens: 256 });
  const ticket = await generator.collectJson({ schema: JSON.stringify(TICKET) });
  return { ...ticket, urgent: isUrgent(ticket) };
}
