"""Streams an answer: one step of the generator at a time, each new piece of text printed as soon as it is there."""

from inferlet import Context, Model, Sampler, chat


async def main(prompt: str, max_tokens: int) -> None:
    model = Model.load("default")
    ctx = Context(model)
    ctx.user(prompt)

    # A token may be half a character. The decoder keeps such bytes back until the rest has come.
    decoder = chat.Decoder(model)
    async for step in ctx.generate(Sampler.top_p(0.7, 0.95), max_tokens=max_tokens):
        output = await step.execute()
        match decoder.feed(output.tokens):
            case chat.Event.Delta(text=text):
                # Without `flush`, text would wait for the end of its line.
                print(text, end="", flush=True)
    print()
