"""Three texts at once in a cache that has no room for all of them. Each bids for its pages; who bids least gives way, and comes back when there
is room.

Run it with few pages, `--pages 8`, or nobody has to give way. The texts are the same in any case: bids decide when, never what.
"""

import asyncio

from inferlet import Context, Model, Sampler, chat, scheduling

TOPICS = ["a lighthouse", "a baker", "the moon"]


class Race:
    """Counts who is done."""

    def __init__(self) -> None:
        self.done = 0

    async def write(self, model: Model, topic: str, bid: float, max_tokens: int) -> dict:
        """Writes one text, and offers the same for its pages in each step."""
        ctx = Context(model).user(f"Tell a story about {topic}.").cue()
        # It holds until it is changed: only a generator bids by itself.
        ctx.set_bid(bid)
        unseen = ctx.take_buffer()
        tokens: list[int] = []
        highest_rent = 0.0
        while len(tokens) < max_tokens:
            token = await next_token(ctx, unseen)
            highest_rent = max(highest_rent, scheduling.rent(ctx))
            if token in chat.stop_tokens(model):
                break
            tokens.append(token)
            unseen = [token]
        self.done += 1
        text = model.tokenizer().decode(tokens)
        return {"topic": topic, "bid": bid, "text": text, "place": self.done, "highest_rent": highest_rent}


async def next_token(ctx: Context, tokens: list[int]) -> int:
    forward = ctx.forward().input(tokens)
    chosen = forward.sample([len(tokens) - 1], Sampler.argmax())
    return (await forward.execute()).token(chosen)


async def main(bids: list[float], max_tokens: int) -> list[dict]:
    model, race = Model.load("default"), Race()
    texts = (race.write(model, topic, bid, max_tokens) for topic, bid in zip(TOPICS, bids))
    return await asyncio.gather(*texts)
