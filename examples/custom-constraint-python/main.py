"""Asks for six words, none of which has a token that was there before: a grammar and a constraint of our own, both of which hold."""

from inferlet import Context, Model, Regex, Sampler, brle


class NoRepeats:
    """Forbids tokens that were there before."""

    def __init__(self, model: Model) -> None:
        ids, _ = model.tokenizer().vocabs()
        self.vocab_size = ids[-1] + 1
        self.used: set[int] = set()

    def step(self, accepted: list[int]) -> list[int]:
        self.used.update(accepted)
        # Allowed are the gaps between the tokens that were used.
        used = sorted(self.used)
        starts = [0] + [token + 1 for token in used]
        ends = [*used, self.vocab_size]
        return brle.from_ranges(zip(starts, ends), self.vocab_size)

    def describe(self) -> str:
        return "no token twice"


async def main(theme: str) -> list[str]:
    model = Model.load("default")
    ctx = Context(model)
    ctx.user(f"Six words about {theme}.")
    words = Regex("[a-z]{2,12}( [a-z]{2,12}){5}")
    text = await ctx.generate(
        Sampler.argmax(), max_tokens=128, constrain=[NoRepeats(model), words]
    ).collect_text()
    return text.split(" ")
