"""Map and reduce: a long text is summarized in parts, each by a run of this program, and then the summaries are."""

import asyncio

from inferlet import Context, Model, Sampler, launch


async def main(text: str) -> str:
    parts = text.split("\n\n")
    if len(parts) < 2:
        return await summarize(text)
    # All parts are launched before the first is waited for, so that they share the engine's steps.
    children = [launch("map-reduce-python", {"text": part.strip()}) for part in parts]
    summaries = await asyncio.gather(*(child.answer() for child in children))
    return await summarize(" ".join(summaries))


async def summarize(text: str) -> str:
    ctx = Context(Model.load("default"))
    ctx.system("You say in one sentence what a text says.").user(text)
    return await ctx.generate(Sampler.argmax(), max_tokens=64).collect_text()
