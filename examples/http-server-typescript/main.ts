/** A small completion endpoint: a prompt comes in as JSON, the answer goes out as JSON. Each request is an instance of its own. */

import { Context, Model, Sampler } from 'inferlet';

interface Question {
  prompt: string;
  max_tokens?: number;
}

// ANCHOR: handle
export async function handle(request: Request): Promise<Response> {
  switch (`${request.method} ${new URL(request.url).pathname}`) {
    case 'POST /complete': {
      const question = asked(await request.text());
      if (question === undefined) return text('the body is not the JSON that was expected: an object with a `prompt`', 400);
      return Response.json({ text: await complete(question) });
    }
    case 'GET /health':
      return text('fresh\n');
    default:
      return text('POST a prompt to /complete\n', 404);
  }
}
// ANCHOR_END: handle

async function complete({ prompt, max_tokens = 64 }: Question): Promise<string> {
  using ctx = new Context(Model.load('default'));
  return await ctx.user(prompt).cue().generate(Sampler.topP(0.6, 0.95), { maxTokens: max_tokens }).collectText();
}

/** The question in a body; `undefined` if there is none. */
function asked(body: string): Question | undefined {
  try {
    const { prompt, max_tokens } = JSON.parse(body);
    if (typeof prompt === 'string' && ['number', 'undefined'].includes(typeof max_tokens)) return { prompt, max_tokens };
  } catch {
    // It is not even JSON.
  }
  return undefined;
}

function text(text: string, status = 200): Response {
  return new Response(text, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });
}
