"""Guesses what comes next, and lets one pass verify several guesses. The answer is the same without them; it only takes more passes.

Worth it wherever an answer quotes something that is known: a document, the code that is to be edited, an earlier answer.
"""

from dataclasses import dataclass

from inferlet import Context, Model, Sampler

# More guesses cost more to verify, and the later ones are less likely to hold.
MOST_DRAFTS = 4


@dataclass
class Answer:
    text: str
    tokens: int
    passes: int


class Expectation:
    """Expects a text: whenever a token of it was generated, it guesses that the text goes on."""

    def __init__(self, tokens: list[int], length: int) -> None:
        self.tokens = tokens
        # Where in it the answer seems to be, and how long the sequence is.
        self.at = 0
        self.length = length

    def draft(self) -> tuple[list[int], list[int]]:
        drafts = self.tokens[self.at : self.at + MOST_DRAFTS]
        return drafts, list(range(self.length, self.length + len(drafts)))

    def accept(self, tokens: list[int]) -> None:
        self.length += len(tokens)
        for token in tokens:
            if token in self.tokens[self.at :]:
                self.at = self.tokens.index(token, self.at) + 1

    def rollback(self, n: int) -> None:
        pass

    def reset(self) -> None:
        self.at = 0


async def main(input: dict) -> Answer:
    model = Model.load("default")
    ctx = Context(model)
    ctx.user(input["prompt"]).cue()
    expectation = Expectation(model.tokenizer().encode(input["expected"]), len(ctx.buffer()))
    generator = ctx.generate(Sampler.argmax(), max_tokens=input["max-tokens"], speculator=expectation)
    tokens, passes = [], 0
    async for step in generator:
        tokens += (await step.execute()).tokens
        passes += 1
    return Answer(model.tokenizer().decode(tokens), len(tokens), passes)
