"""Extracts a date from a text. The answer is nothing but a date, because nothing else matches."""

from inferlet import Context, Model, Regex, Sampler

# A date of this or the last century. It has to match as a whole.
DATE = "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"


async def main(text: str) -> dict[str, int]:
    model = Model.load("default")
    ctx = Context(model)
    ctx.user(f"Which date does this mention?\n\n{text}")
    date = await ctx.generate(Sampler.argmax(), max_tokens=32, constrain=Regex(DATE)).collect_text()
    year, month, day = date.split("-")
    return {"year": int(year), "month": int(month), "day": int(day)}
