/** An agent: the model calls functions until it has an answer. */
import { Context, Model, Sampler, Tools, chat, tool, tools } from 'inferlet';

/** @type {Record<string, number>} */
const CELSIUS = { Oslo: 4, Rome: 21 };

const weather = tool({
  name: 'weather',
  description: 'The weather in a city, today.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', description: 'The name of the city, in English.' } },
    required: ['city'],
  },
  /** @param {{ city: string }} arguments */
  execute: ({ city }) => {
    if (CELSIUS[city] === undefined) throw new Error(`no weather is known for \`${city}\``);
    return { city, celsius: CELSIUS[city] };
  },
});

/** @param {{ question: string, max_rounds: number }} input */
export async function main({ question, max_rounds }) {
  const model = Model.load('default');
  const toolbox = new Tools([weather]);
  using ctx = new Context(model);
  ctx.system('You answer questions about the weather.');
  ctx.append(tools.equipPrefix(model, toolbox.schemas()));
  ctx.user(question);
  for (let round = 0; round < max_rounds; round += 1) {
    const { text, calls } = await takeTurn(ctx);
    if (calls.length === 0) return text;
    for (const { name, args } of calls) {
      console.error(`${name}(${args})`);
      ctx.append(tools.answerPrefix(model, name, await called(toolbox, name, args)));
    }
  }
  throw new Error(`no answer after ${max_rounds} rounds of calls`);
}

/**
 * What a function returns. An error is an answer too: the model can do better next time.
 * @param {Tools} toolbox
 * @param {string} name
 * @param {string} args
 */
async function called(toolbox, name, args) {
  try {
    return await toolbox.call(name, args);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * What the model says in one turn: its text, and names with arguments of the calls.
 * @param {Context} ctx
 */
async function takeTurn(ctx) {
  let text = '';
  const calls = [];
  // Both see all tokens. One finds the calls, the other the text around them.
  const callDecoder = new tools.Decoder(ctx.model);
  const textDecoder = new chat.Decoder(ctx.model);
  for await (const step of ctx.generate(Sampler.argmax(), { maxTokens: 256 })) {
    const { tokens } = await step.execute();
    const call = callDecoder.feed(tokens);
    if (call.type === 'call') calls.push({ name: call.name, args: call.args });
    const said = textDecoder.feed(tokens);
    if (said.type === 'delta') text += said.text;
  }
  ctx.seal();
  return { text, calls };
}
