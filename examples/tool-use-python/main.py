"""Lets the model call a function, and answer with what it returned.

Run it with `--script replies.toml`: the dummy model then says what a model that can use tools would say.
"""

import sys

from inferlet import Context, Model, Sampler, Tools, chat, tool, tools

# So often the model may use tools before it has to answer.
MAX_ROUNDS = 4


# What is written in the docstring is what the model is told, of the function and of its arguments.
@tool
def weather(city: str) -> dict:
    """The weather in a city, today.

    Args:
        city: The name of the city, in English.
    """
    match city:
        case "Oslo":
            return {"city": city, "celsius": 4}
        case "Rome":
            return {"city": city, "celsius": 21}
    raise ValueError(f"no weather is known for `{city}`")


async def main(question: str) -> str:
    model = Model.load("default")
    toolbox = Tools([weather])
    ctx = Context(model)
    ctx.system("You answer questions about the weather.")
    ctx.append(tools.equip_prefix(model, toolbox.schemas()))
    ctx.user(question)

    for _ in range(MAX_ROUNDS):
        text, calls = await take_turn(ctx)
        if not calls:
            return text
        for name, arguments in calls:
            print(f"{name}({arguments})", file=sys.stderr)
            try:
                result = await toolbox.call(name, arguments)
            except Exception as error:
                # An error is an answer too: the model can do better next time.
                result = {"error": str(error)}
            ctx.append(tools.answer_prefix(model, name, result))
    raise RuntimeError(f"no answer after {MAX_ROUNDS} rounds of tool calls")


async def take_turn(ctx: Context) -> tuple[str, list[tuple[str, str]]]:
    """What the model says in one turn: its text, and names with arguments of the calls."""
    text, calls = "", []
    # Both see all tokens. One finds the calls, the other the text around them.
    call_decoder, text_decoder = tools.Decoder(ctx.model), chat.Decoder(ctx.model)
    async for step in ctx.generate(Sampler.argmax(), max_tokens=256):
        output = await step.execute()
        match call_decoder.feed(output.tokens):
            case tools.Event.Call(name=name, args=arguments):
                calls.append((name, arguments))
        match text_decoder.feed(output.tokens):
            case chat.Event.Delta(text=delta):
                text += delta
    ctx.seal()
    return text, calls
