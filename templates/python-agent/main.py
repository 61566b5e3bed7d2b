"""An agent: the model calls functions until it has an answer."""

import sys
from typing import Any

from inferlet import Context, Model, Sampler, Tools, chat, tool, tools

CELSIUS = {"Oslo": 4, "Rome": 21}


# What is written in the docstring is what the model is told, of the function and of its arguments.
@tool
def weather(city: str) -> dict[str, Any]:
    """The weather in a city, today.

    Args:
        city: The name of the city, in English.
    """
    if city not in CELSIUS:
        raise ValueError(f"no weather is known for `{city}`")
    return {"city": city, "celsius": CELSIUS[city]}


async def main(question: str, max_rounds: int) -> str:
    model = Model.load("default")
    toolbox = Tools([weather])
    ctx = Context(model)
    ctx.system("You answer questions about the weather.")
    ctx.append(tools.equip_prefix(model, toolbox.schemas()))
    ctx.user(question)
    for _ in range(max_rounds):
        text, calls = await take_turn(ctx)
        if not calls:
            return text
        for name, arguments in calls:
            print(f"{name}({arguments})", file=sys.stderr)
            ctx.append(tools.answer_prefix(model, name, await called(toolbox, name, arguments)))
    raise RuntimeError(f"no answer after {max_rounds} rounds of calls")


async def called(toolbox: Tools, name: str, arguments: str) -> Any:
    """What a function returns. An error is an answer too: the model can do better next time."""
    try:
        return await toolbox.call(name, arguments)
    except Exception as error:
        return {"error": str(error)}


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
