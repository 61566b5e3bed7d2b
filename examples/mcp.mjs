// What the servers of the examples have in common: the Model Context Protocol over standard input and output. A request is a line of JSON-RPC, and so is
// its reply. Real servers use an SDK; this shows that there is no magic in it.
import { createInterface } from "node:readline";

/** Serves tools, which have a name, a description and a schema of their arguments; `call` gives the result of one. */
export function serve(name, tools, call) {
  const methods = {
    initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name, version: "1.0.0" } }),
    "tools/list": () => ({ tools }),
    "tools/call": (params) => {
      if (!tools.some((tool) => tool.name === params.name)) throw { code: -32602, message: `there is no tool ${params.name}` };
      return call(params.name, params.arguments ?? {});
    },
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) return;
    let reply;
    try {
      if (!(method in methods)) throw { code: -32601, message: `there is no method ${method}` };
      reply = { result: methods[method](params) };
    } catch ({ code = -32603, message }) {
      reply = { error: { code, message } };
    }
    console.log(JSON.stringify({ jsonrpc: "2.0", id, ...reply }));
  });
}

/** A tool that takes one text. */
export const tool = (name, description, argument, meaning) => ({
  name,
  description,
  inputSchema: { type: "object", properties: { [argument]: { type: "string", description: meaning } }, required: [argument] },
});

/** A result that is a text; it may say what went wrong. */
export const text = (text, isError = undefined) => ({ content: [{ type: "text", text }], isError });
