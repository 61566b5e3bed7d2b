"""Lets the model use the tools of an MCP server, which the inferlet knows nothing of before it asks.

Run it with `--script replies.toml`: the dummy model then says what a model that can use tools would say.
"""

import json
import sys

from inferlet import Context, McpError, Model, Sampler, chat, mcp, tools

# So often the model may use tools before it has to answer.
MAX_ROUNDS = 4


def tools_of(session: mcp.McpSession) -> list[str]:
    """What the model is told about the tools of a server. The protocol and the models have different names for the schema."""
    told = []
    for tool in json.loads(session.list_tools())["tools"]:
        # In the order of the alphabet, in which the inferlet in Rust has them too.
        schema = json.loads(json.dumps(tool["inputSchema"], sort_keys=True))
        shown = {"name": tool["name"], "description": tool.get("description", ""), "parameters": schema}
        told.append(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))
    return told


def call(session: mcp.McpSession, name: str, arguments: str) -> str:
    """Calls a tool. Whatever goes wrong is an answer too: the model can do better next time."""
    try:
        return session.call_tool(name, arguments)
    except McpError as error:
        return json.dumps({"error": str(error)})


async def take_turn(ctx: Context) -> tuple[str, list[tuple[str, str]]]:
    """What the model says in one turn: a text, and calls with their arguments as JSON."""
    said, calls = "", []
    call_decoder, text_decoder = tools.Decoder(ctx.model), chat.Decoder(ctx.model)
    async for step in ctx.generate(Sampler.argmax(), max_tokens=256):
        out = await step.execute()
        if isinstance(event := call_decoder.feed(out.tokens), tools.Event.Call):
            calls.append((event.name, event.args))
        if isinstance(event := text_decoder.feed(out.tokens), chat.Event.Delta):
            said += event.text
    ctx.seal()
    return said, calls


async def main(server: str, question: str) -> str:
    session = mcp.connect(server)
    model = Model.load("default")
    ctx = Context(model).system("You answer questions about a bakery.")
    ctx.equip_tools(tools_of(session)).user(question)

    for _ in range(MAX_ROUNDS):
        said, calls = await take_turn(ctx)
        if not calls:
            return said
        for name, arguments in calls:
            result = call(session, name, arguments)
            print(f"{name}({arguments}) = {result}", file=sys.stderr)
            ctx.answer_tool(name, result)
    raise RuntimeError(f"no answer after {MAX_ROUNDS} rounds of tool calls")
