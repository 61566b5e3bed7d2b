"""Greets a person: one question to the model, one answer."""

from inferlet import Context, Model, Sampler


async def main(name: str) -> str:
    """Greets somebody through the model.

    Args:
        name: Whom to greet.
    """
    model = Model.load("default")
    ctx = Context(model)
    ctx.system("You greet people warmly, in one sentence.").user(f"Greet {name}.")
    return await ctx.generate(Sampler.argmax(), max_tokens=64).collect_text()
