"""Three texts at once. Their beginning is the same, so the model reads it once; then each goes on in a fork of its own."""

import asyncio

from inferlet import Context, Model, Sampler


async def main(topic: str, max_tokens: int) -> dict[str, str]:
    model = Model.load("default")
    shared = Context(model)
    shared.system(f"You write short texts about {topic}.")
    # Forks share what has been flushed. What is only buffered would be computed by each of them again.
    await shared.flush()

    async def write(request: str) -> str:
        """One text, in a fork that is gone afterwards."""
        ctx = shared.fork()
        ctx.user(request)
        return await ctx.generate(Sampler.argmax(), max_tokens=max_tokens).collect_text()

    # Gathered, their passes are in flight together and share the engine's steps, so that three texts take about as many steps as
    # the longest one.
    story, joke, advice = await asyncio.gather(
        write("Tell a story."), write("Tell a joke."), write("Give advice.")
    )
    return {"story": story, "joke": joke, "advice": advice}
