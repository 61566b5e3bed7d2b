"""Greets somebody in the model's words."""

from inferlet import Context, Model, Sampler


def question(name: str) -> str:
    """What the model is asked."""
    return f"Greet {name}."


async def main(name: str, max_tokens: int) -> str:
    model = Model.load("default")
    ctx = Context(model)
    ctx.system("You greet people warmly, in one sentence.").user(question(name))
    return await ctx.generate(Sampler.argmax(), max_tokens=max_tokens).collect_text()
