// A server of the Model Context Protocol for a bakery: what is in stock, and what goes into a bread. It reads requests from its standard input,
// a line each, and writes replies to its standard output. Real servers use an SDK; this one shows that there is no magic in it.
import { createInterface } from "node:readline";

const STOCK = { "rye flour": 2400, "wheat flour": 900, salt: 500 };
const RECIPES = { rye: { "rye flour": 600, salt: 12, caraway: 3 } };

const schema = (name, description) => ({ type: "object", properties: { [name]: { type: "string", description } }, required: [name] });
const TOOLS = [
  { name: "stock", description: "How much there is of an ingredient", inputSchema: schema("ingredient", "Its name") },
  { name: "recipe", description: "What goes into one loaf", inputSchema: schema("bread", "The kind of bread") },
];

const text = (text, isError = false) => ({ content: [{ type: "text", text }], isError });

function call(name, { ingredient, bread }) {
  if (name === "stock") return ingredient in STOCK ? text(`${STOCK[ingredient]} g of ${ingredient}`) : text(`there is no ${ingredient}`, true);
  if (name === "recipe") return bread in RECIPES ? text(JSON.stringify(RECIPES[bread])) : text(`nobody knows how to bake ${bread}`, true);
  throw { code: -32602, message: `there is no tool ${name}` };
}

function answer(method, params) {
  switch (method) {
    case "initialize":
      return { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "bakery", version: "1.0.0" } };
    case "tools/list":
      return { tools: TOOLS };
    case "tools/call":
      return call(params.name, params.arguments ?? {});
    default:
      throw { code: -32601, message: `there is no method ${method}` };
  }
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
