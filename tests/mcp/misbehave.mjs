// A server of the Model Context Protocol that keeps to it until it is told otherwise: by the tool that is called, or by how it is started.
// `node misbehave.mjs [MODE]` speaks through standard streams; `node misbehave.mjs http` prints its port and speaks HTTP.
import { spawn } from "node:child_process";
import { closeSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const mode = process.argv[2] ?? "polite";
const line = (text) => process.stdout.write(text + "\n");
const result = (id, value) => JSON.stringify({ jsonrpc: "2.0", id, result: value });
const failure = (id, error) => JSON.stringify({ jsonrpc: "2.0", id, error });
const text = (value) => ({ content: [{ type: "text", text: value }] });
const welcome = (version) => ({
  protocolVersion: version,
  capabilities: { tools: {} },
  serverInfo: { name: "misbehave", version: "1" },
});

// What the tools do that a caller does not expect.
const tools = {
  echo: (id, { arguments: args }) => line(result(id, text(JSON.stringify(args)))),
  // Written as it is: the order of keys, numbers that lose digits elsewhere, and keys that nobody knows.
  exact: (id) => line(`{"jsonrpc":"2.0","id":${id},"result":{"z":1,"content":[],"a":12345678901234567890.50,"unknown":{"b":null}}}`),
  where: (id) => line(result(id, text([process.cwd(), process.env.BAKED ?? "", process.env.HOME ?? ""].join(" ")))),
  refuse: (id) => line(failure(id, { code: -32042, message: "not today", data: { retry: ["tomorrow"] } })),
  die: () => {
    console.error("the oven is on fire");
    process.exit(3);
  },
  kill: () => process.kill(process.pid, "SIGKILL"),
  answer_and_die: (id) => process.stdout.write(result(id, text("farewell")) + "\n", () => process.exit(0)),
  hang: () => {},
  mute: () => closeSync(1),
  garbage: () => line("debug: calling the oven"),
  half: () => line('{"jsonrpc":"2.0","id":'),
  batch: (id) => line(`[${result(id, text("one"))}]`),
  binary: () => process.stdout.write(Buffer.from([0xff, 0xfe, 0x0a])),
  deep: () => line("[".repeat(100_000)),
  number: (id) => line(result(id, 5)),
  wrong_id: () => line(result(4711, text("for somebody else"))),
  no_id: () => line(failure(null, { code: -32700, message: "cannot read that" })),
  twice: (id) => {
    line(result(id, text("first")));
    line(result(id, text("second")));
  },
  flood: (id) => {
    const ping = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } });
    for (let count = 0; count < 20_000; count++) line(ping);
    line(result(id, text("after the flood")));
  },
  large: (id) => line(result(id, text("x".repeat(1 << 20)))),
  huge: (id) => line(result(id, text("x".repeat(17 << 20)))),
  endless: () => {
    const more = () => {
      while (process.stdout.write("x".repeat(1 << 16)));
      process.stdout.once("drain", more);
    };
    more();
  },
  noise: (id) => {
    for (let count = 0; count < 20_000; count++) console.error(`line ${count} ` + "~".repeat(300));
    line(result(id, text("over the noise")));
  },
  // Asks back, and answers with what it was told.
  ask_back: (id) => {
    waiting = (reply) => line(result(id, text(JSON.stringify(reply))));
    line(JSON.stringify({ jsonrpc: "2.0", id: "mine", method: "ping" }));
  },
};
let waiting = null;

function handle({ id, method, params, ...reply }) {
  if (method === undefined) return waiting?.({ id, ...reply });
  if (method === "initialize") return start(id, params);
  if (method === "tools/list") return line(result(id, { tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: "object" } })) }));
  if (method === "tools/call" && params.name in tools) return tools[params.name](id, params);
  if (id !== undefined) line(failure(id, { code: -32601, message: `no method ${method}` }));
}

function start(id, { protocolVersion }) {
  if (mode === "mute" || mode === "chatter") return;
  if (mode === "refuse") return line(failure(id, { code: -32000, message: "closed on Mondays", data: { day: "Monday" } }));
  if (mode === "nonsense") return line(result(id, { hello: "world" }));
  if (mode === "other-id") return line(result(99, welcome(protocolVersion)));
  line(result(id, welcome(protocolVersion)));
}

if (process.env.PID_FILE) {
  const child = mode === "stubborn" ? spawn("/bin/sleep", ["600"], { stdio: "ignore" }).pid : process.pid;
  writeFileSync(process.env.PID_FILE, `${process.pid} ${child}`);
}
if (mode === "http") serve();
else {
  if (mode === "crash") {
    console.error("the recipe is missing");
    process.exit(7);
  }
  if (mode === "greet") line("Welcome to the bakery!\n\nIt opens in a moment.");
  if (mode === "chatter") setInterval(() => line("still baking"), 1);
  if (mode === "stubborn") {
    process.on("SIGTERM", () => {});
    setInterval(() => {}, 1000);
  }
  createInterface({ input: process.stdin }).on("line", (it) => handle(JSON.parse(it)));
}

// The same by HTTP: the path says what is wrong.
function serve() {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { id, method, params } = body ? JSON.parse(body) : {};
    const json = (value) => response.writeHead(200, { "content-type": "application/json" }).end(value);
    const events = (...data) => response.writeHead(200, { "content-type": "text/event-stream" }).end(data.map((it) => `event: message\ndata: ${it}\n\n`).join(""));
    if (request.method !== "POST") return response.writeHead(405).end();
    if (id === undefined) return response.writeHead(202).end();
    if (request.url === "/moved/mcp") return response.writeHead(307, { location: "/mcp" }).end();
    if (request.url === "/web") return response.writeHead(200, { "content-type": "text/html" }).end("<h1>Bakery</h1>");
    if (request.url === "/absent") return response.writeHead(404).end("no such page");
    if (method === "initialize") return json(result(id, welcome(params.protocolVersion)));
    const answers = {
      echo: () => json(result(id, text(JSON.stringify(params.arguments)))),
      event: () => events("", result(id, { z: 1, content: [], a: 2, unknown: true })),
      refuse: () => json(failure(id, { code: -32042, message: "not today", data: { retry: ["tomorrow"] } })),
      broken: () => response.writeHead(500).end("the oven is on fire"),
      garbage: () => json("debug: calling the oven"),
      garbage_event: () => events("debug: calling the oven"),
      wrong_id: () => json(result(4711, text("for somebody else"))),
      wrong_id_event: () => events(result(4711, text("for somebody else"))),
      hang: () => {},
      cut: () => request.socket.destroy(),
      huge: () => json(result(id, text("x".repeat(17 << 20)))),
    };
    (answers[params?.name] ?? (() => json(failure(id, { code: -32601, message: `no method ${method}` }))))();
  });
  server.listen(0, "127.0.0.1", () => line(String(server.address().port)));
}
