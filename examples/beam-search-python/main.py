"""Beam search: several continuations grow side by side, and after each token only the most probable ones live on.

Each beam is a context of its own. A beam that goes on in two ways is forked, which shares its full pages; one that is given up is dropped,
which frees its pages at once.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from inferlet import Context, Distribution, Model, chat


@dataclass
class Continuation:
    text: str
    logprob: float


@dataclass
class Candidate:
    """A token that a beam may go on with."""

    parent: Beam
    token: int
    logprob: float


@dataclass
class Beam:
    """A continuation under way."""

    ctx: Context
    unseen: list[int]
    """What the model has to see before it can say what follows."""
    tokens: list[int]
    logprob: float

    async def candidates(self, count: int) -> list[Candidate]:
        """The `count` most probable ways to go on."""
        run = self.ctx.forward().input(self.unseen)
        probe = run.probe(len(self.unseen) - 1, Distribution(temperature=1.0, k=count))
        output = await run.execute()
        tokens, probabilities = output.distribution(probe)
        return [Candidate(self, t, self.logprob + math.log(p)) for t, p in zip(tokens, probabilities)]

    def grown(self, token: int, logprob: float) -> Beam:
        """This beam with one more token, in a context of its own."""
        return Beam(self.ctx.fork(), [token], [*self.tokens, token], logprob)


async def main(prompt: str, beams: int, max_tokens: int) -> list[Continuation]:
    model = Model.load("default")
    stop = chat.stop_tokens(model)
    ctx = Context(model)
    ctx.user(prompt).cue()

    open_beams, finished = [Beam(ctx, ctx.take_buffer(), [], 0.0)], []
    for _ in range(max_tokens):
        # Gathered, the passes of all beams are in flight together, and the engine batches them.
        found = await asyncio.gather(*(beam.candidates(beams) for beam in open_beams))
        candidates = sorted((c for each in found for c in each), key=lambda c: -c.logprob)
        candidates = candidates[: beams - len(finished)]
        finished += [(c.parent.tokens, c.logprob) for c in candidates if c.token in stop]
        parents, open_beams = open_beams, [
            c.parent.grown(c.token, c.logprob) for c in candidates if c.token not in stop
        ]
        for parent in parents:
            parent.ctx.release()
        if not open_beams:
            break
    finished += [(beam.tokens, beam.logprob) for beam in open_beams]
    for beam in open_beams:
        beam.ctx.release()
    finished.sort(key=lambda end: -end[1])
    return [Continuation(model.tokenizer().decode(tokens), logprob) for tokens, logprob in finished]
