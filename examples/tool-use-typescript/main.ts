/**
 * Lets the model call a function, and answer with what it returned.
 *
 * Run it with `--script replies.toml`: the dummy model then says what a model that can use tools would say.
 */

import { Context, Model, Sampler, Tools, chat, tool, tools } from 'inferlet';

/** So often the model may use tools before it has to answer. */
const MAX_ROUNDS = 4;

const CELSIUS = new Map([
  ['Oslo', 4],
  ['Rome', 21],
]);

// The description is what the model is told, of the function and of its arguments.
const weather = tool({
  name: 'weather',
  description: 'The weather in a city, today.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', description: 'The name of the city, in English.' } },
    required: ['city'],
    additionalProperties: false,
  },
  execute: ({ city }: { city: string }) => {
    const celsius = CELSIUS.get(city);
    if (celsius === undefined) throw new Error(`no weather is known for \`${city}\``);
    return { city, celsius };
  },
});

export async function main({ question }: { question: string }): Promise<string> {
  const model = Model.load('default');
  const toolbox = new Tools([weather]);
  using ctx = new Context(model);
  ctx.system('You answer questions about the weather.');
  ctx.append(tools.equipPrefix(model, toolbox.schemas()));
  ctx.user(question);

  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { text, calls } = await takeTurn(ctx);
    if (calls.length === 0) return text;
    for (const { name, args } of calls) {
      console.error(`${name}(${args})`);
      ctx.append(tools.answerPrefix(model, name, await result(toolbox, name, args)));
    }
  }
  throw new Error(`no answer after ${MAX_ROUNDS} rounds of tool calls`);
}

/** What a tool returns. An error is an answer too: the model can do better next time. */
async function result(toolbox: Tools, name: string, args: string): Promise<unknown> {
  try {
    return await toolbox.call(name, args);
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** What the model says in one turn: its text, and names with arguments of the calls. */
async function takeTurn(ctx: Context) {
  let text = '';
  const calls: { name: string; args: string }[] = [];
  // Both see all tokens. One finds the calls, the other the text around them.
  const callDecoder = new tools.Decoder(ctx.model);
  const textDecoder = new chat.Decoder(ctx.model);
  for await (const step of ctx.generate(Sampler.argmax(), { maxTokens: 256 })) {
    const { tokens } = await step.execute();
    const called = callDecoder.feed(tokens);
    if (called.type === 'call') calls.push(called);
    const said = textDecoder.feed(tokens);
    if (said.type === 'delta') text += said.text;
  }
  ctx.seal();
  return { text, calls };
}
