"""Trains an adapter without gradients. In each round some candidates, which are the adapter plus noise, are scored; then the adapter moves
towards those that did best. A candidate is nothing but a seed: the engine makes its noise again from it.

The score here is how probable the model finds a given answer, which one pass over the answer tells. Any number will do: whether generated
code compiles, what a reader thinks of a summary.
"""

import asyncio

from inferlet import Adapter, Context, Logprob, Model, zo


class Task:
    """A question and the answer that is wanted."""

    def __init__(self, model: Model, prompt: str, goal: str) -> None:
        self.model = model
        self.prompt = Context(model).user(prompt).cue().take_buffer()
        self.goal = model.tokenizer().encode(goal)

    async def score(self, adapter: Adapter | None = None, seed: int | None = None) -> float:
        """The mean log-probability of the answer's tokens, under the adapter or a candidate of it."""
        forward = Context(self.model).forward().input(self.prompt).input(self.goal[:-1])
        if adapter is not None:
            forward.adapter(adapter)
        if seed is not None:
            forward.zo_seed(seed)
        # Behind the last token of the prompt the first of the answer is predicted.
        first = len(self.prompt) - 1
        probes = [forward.probe(first + index, Logprob(token)) for index, token in enumerate(self.goal)]
        out = await forward.execute()
        return sum(out.logprobs(probe)[0] for probe in probes) / len(self.goal)


async def main(prompt: str, goal: str, rounds: int, population: int) -> dict:
    model = Model.load("default")
    task = Task(model, prompt, goal)
    adapter = Adapter.create(model, "taste")
    zo.initialize(adapter, rank=4, alpha=4.0, population_size=population, mu_fraction=0.5, initial_sigma=0.2)

    before = await task.score()
    means = []
    for number in range(rounds):
        seeds = [number << 32 | index for index in range(population)]
        scores = await asyncio.gather(*(task.score(adapter, seed) for seed in seeds))
        zo.update(adapter, scores, seeds, max_sigma=1.0)
        means.append(sum(scores) / len(scores))
    after = await task.score(adapter)
    adapter.save("/scratch/taste.safetensors")
    adapter.destroy()
    return {"before": before, "rounds": means, "after": after}
