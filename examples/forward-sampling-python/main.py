"""What `generate` does, by hand: one forward pass for each token, with the pass's input, sampler and output in plain sight."""

from inferlet import Context, Model, Sampler, chat


async def main(prompt: str, temperature: float, max_tokens: int) -> str:
    model = Model.load("default")
    stop = chat.stop_tokens(model)
    ctx = Context(model)
    ctx.user(prompt).cue()

    # The first pass feeds the whole question, each further one the token before.
    unseen, generated = ctx.take_buffer(), []
    while len(generated) < max_tokens:
        token = await next_token(ctx, unseen, Sampler.top_p(temperature, 0.95))
        if token in stop:
            break
        generated.append(token)
        unseen = [token]
    return model.tokenizer().decode(generated)


async def next_token(ctx: Context, tokens: list[int], sampler: Sampler) -> int:
    """Feeds tokens and samples the one that follows the last of them."""
    # Positions follow from what the context holds, and the pages for these tokens are reserved and committed by themselves.
    run = ctx.forward().input(tokens)
    chosen = run.sample([len(tokens) - 1], sampler)
    return (await run.execute()).token(chosen)
