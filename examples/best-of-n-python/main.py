"""Best of n: several answers are drawn at once, and the one that the model finds most probable wins.

The score is the mean log-probability of the answer's tokens. Each is known when its token is drawn: a probe in the same pass has the
distribution that it was drawn from.
"""

import asyncio
import math

from inferlet import Context, Distribution, Model, Sampler


async def main(input: dict) -> dict:
    model = Model.load("default")
    prompt = Context(model)
    prompt.user(input["prompt"]).cue()
    answers = await asyncio.gather(*(answer(prompt, input) for _ in range(input["n"])))
    answers.sort(key=lambda scored: -scored[0])
    best, text = answers[0]
    return {"text": text, "score": best, "scores": [score for score, _ in answers]}


async def answer(prompt: Context, input: dict) -> tuple[float, str]:
    """Draws an answer in a fork, and scores it."""
    ctx = prompt.fork()
    generator = ctx.generate(Sampler.top_p(input["temperature"], 0.95), max_tokens=input["max-tokens"])
    seen = generator.probe_each_step(0, Distribution(temperature=1.0, k=0))
    tokens, logprob = [], 0.0
    async for step in generator:
        output = await step.execute()
        if not output.tokens:
            break
        ids, probabilities = output.distribution(seen)
        token = output.tokens[0]
        logprob += math.log(probabilities[ids.index(token)])
        tokens.append(token)
    return logprob / max(len(tokens), 1), ctx.model.tokenizer().decode(tokens)
