"""Fetches a text and lets the model summarise it. The manifest says which hosts it may ask; what was answered is in the trace, and a run can be
replayed from there without a network.
"""

from inferlet import Context, Model, Sampler, http


async def main(url: str, max_tokens: int) -> dict:
    # `success` makes an error of a status such as 404, and `text` of a body that is none.
    page = (await http.get(url)).success().text()

    ctx = Context(Model.load("default"))
    ctx.system("Summarise what you are given in one sentence.").user(page)
    summary = await ctx.generate(Sampler.top_p(0.6, 0.95), max_tokens=max_tokens).collect_text()
    return {"characters": len(page), "summary": summary}
