// A server of the Model Context Protocol with one tool: a very small library.
import { createInterface } from "node:readline";

const ARTICLES = { "Ada Lovelace": "Ada Lovelace (10 December 1815 - 27 November 1852) wrote the first program." };
const LOOK_UP = {
  name: "look_up",
  description: "The beginning of an article",
  inputSchema: { type: "object", properties: { input: { type: "string", description: "Its title" } }, required: ["input"] },
};

function answer(method, params) {
  if (method === "initialize") {
    return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "library", version: "1.0.0" } };
  }
  if (method === "tools/list") return { tools: [LOOK_UP] };
  if (method === "tools/call" && params.name === "look_up") {
    const title = params.arguments?.input;
    return { content: [{ type: "text", text: ARTICLES[title] ?? `There is nothing about ${title}.` }] };
  }
  throw { code: -32601, message: `there is nothing like ${method}` };
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  let reply;
  try {
    reply = { result: answer(method, params) };
  } catch ({ code = -32603, message }) {
    reply = { error: { code, message } };
  }
  console.log(JSON.stringify({ jsonrpc: "2.0", id, ...reply }));
});
