/** A conversation: reads messages, streams answers, and keeps one context, so that nothing is computed twice. */
import { Context, Model, Sampler, chat, session } from 'inferlet';

interface Input {
  system: string;
  temperature: number;
  max_tokens: number;
}

/** What a message asks for: the text to answer, nothing, or `undefined` for the end. */
export function wanted(message: string): string | undefined {
  const text = message.trim();
  return text === '/quit' || text === '/exit' ? undefined : text;
}

function sampler(temperature: number): Sampler {
  return temperature === 0 ? Sampler.argmax() : Sampler.topP(temperature, 0.95);
}

export async function main({ system, temperature, max_tokens }: Input): Promise<void> {
  using ctx = new Context(Model.load('default'));
  ctx.system(system);
  // They end with the session, when whoever launched this has nothing more to say.
  for await (const message of session.messages()) {
    const text = wanted(message);
    if (text === undefined) break;
    if (text !== '') await answer(ctx, text, sampler(temperature), max_tokens);
  }
}

/** One turn: the question goes into the context, and the answer behind it, printed as it comes. */
async function answer(ctx: Context, question: string, sampler: Sampler, maxTokens: number): Promise<void> {
  ctx.user(question);
  const decoder = new chat.Decoder(ctx.model);
  for await (const step of ctx.generate(sampler, { maxTokens })) {
    const output = await step.execute();
    const event = decoder.feed(output.tokens);
    if (event.type === 'delta') session.print(event.text);
  }
  session.print('\n');
  // Generating leaves the model's turn open; the next question needs it closed.
  ctx.seal();
}
