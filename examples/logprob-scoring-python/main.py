"""Ranks given answers by their probability, without generating anything: the model only reads them.

The probability of an answer is the product of the probabilities of its tokens, each behind those before it. One pass over the answer has
them all, because a pass predicts at every position.
"""

from inferlet import Context, Logprob, Model, chat


async def main(question: str, answers: list[str]) -> list[dict]:
    model = Model.load("default")
    ctx = Context(model)
    ctx.user(question).cue()
    # The question is fed once, but for its last token: behind that one the first token of an answer is predicted, so it opens the pass of
    # each answer.
    *beginning, last = ctx.take_buffer()
    await ctx.append(beginning).flush()

    ranking = [await score(ctx, last, answer) for answer in answers]
    return sorted(ranking, key=lambda scored: -scored["mean_logprob"])


async def score(question: Context, last: int, answer: str) -> dict:
    """Reads an answer in a fork, so that no answer sees another."""
    ctx = question.fork()
    # The end of the turn counts: an answer that should go on is not a good one.
    tokens = ctx.model.tokenizer().encode(answer) + chat.seal(ctx.model)
    run = ctx.forward().input([last]).input(tokens[:-1])
    probes = [run.probe(index, Logprob(token)) for index, token in enumerate(tokens)]
    output = await run.execute()
    logprob = sum(output.logprobs(probe)[0] for probe in probes)
    return {"answer": answer, "logprob": logprob, "mean_logprob": logprob / len(tokens)}
