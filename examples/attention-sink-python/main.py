"""A generation in which each token sees the first few tokens and the last ones, and nothing between: the cost of a token stays the same
however long the text becomes.

The first tokens draw much attention whatever they say; without them, text from transformers falls apart once they leave the window. The
observation and the method are those of Xiao et al., "Efficient Streaming Language Models with Attention Sinks" (2023).
"""

from inferlet import Context, Model, Sampler, brle, chat


async def main(prompt: str, sink: int, window: int, max_tokens: int) -> dict:
    model = Model.load("default")
    stop = chat.stop_tokens(model)
    ctx = Context(model)
    ctx.user(prompt).cue()

    def sink_and_window(at: int) -> list[int]:
        """What the token at `at` sees: the first tokens, and the last ones up to itself."""
        end = at + 1
        return brle.from_ranges([(0, sink), (max(0, end - window), end)], end)

    unseen, generated = ctx.take_buffer(), []
    while len(generated) < max_tokens:
        start = ctx.seq_len
        run = ctx.forward().input(unseen)
        run.attention_mask(sink_and_window(at) for at in range(start, start + len(unseen)))
        chosen = run.sample([len(unseen) - 1], Sampler.argmax())
        token = (await run.execute()).token(chosen)
        if token in stop:
            break
        generated.append(token)
        unseen = [token]
    tokens = ctx.seq_len
    return {"text": model.tokenizer().decode(generated), "tokens": tokens, "seen": min(tokens, sink + window)}
