"""A conversation: reads messages, streams answers, and keeps one context, so that nothing is computed twice."""

from inferlet import Context, Model, Sampler, chat, session


def wanted(message: str) -> str | None:
    """What a message asks for: the text to answer, nothing, or ``None`` for the end."""
    text = message.strip()
    return None if text in ("/quit", "/exit") else text


def sampler(temperature: float) -> Sampler:
    return Sampler.argmax() if temperature == 0 else Sampler.top_p(temperature, 0.95)


async def main(system: str, temperature: float, max_tokens: int) -> None:
    ctx = Context(Model.load("default"))
    ctx.system(system)
    # They end with the session, when whoever launched this has nothing more to say.
    async for message in session.messages():
        text = wanted(message)
        if text is None:
            break
        if text:
            await answer(ctx, text, sampler(temperature), max_tokens)


async def answer(ctx: Context, question: str, sampler: Sampler, max_tokens: int) -> None:
    """One turn: the question goes into the context, and the answer behind it, printed as it comes."""
    ctx.user(question)
    decoder = chat.Decoder(ctx.model)
    async for step in ctx.generate(sampler, max_tokens=max_tokens):
        output = await step.execute()
        match decoder.feed(output.tokens):
            case chat.Event.Delta(text=text):
                print(text, end="", flush=True)
    print()
    # Generating leaves the model's turn open; the next question needs it closed.
    ctx.seal()
