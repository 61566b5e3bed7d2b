"""The same text with and without the engine's drafter, which guesses that a text goes on as it did before."""

from inferlet import Context, Generator, Model, Sampler, chat


async def main(input: dict) -> dict:
    model = Model.load("default")
    plain = Context(model)
    await plain.fill(input["text"]).flush()
    drafted = plain.fork()

    how = {"max_tokens": input["max-tokens"], "auto_flush": False, "stop": chat.stop_tokens(model)}
    expected, passes_without = await run(plain.generate(Sampler.argmax(), **how))
    tokens, passes_with = await run(drafted.generate(Sampler.argmax(), system_speculation=True, **how))
    if tokens != expected:
        raise RuntimeError("speculation has changed what was generated")
    return {
        "text": model.tokenizer().decode(tokens),
        "tokens": len(tokens),
        "passes_without": passes_without,
        "passes_with": passes_with,
    }


async def run(generator: Generator) -> tuple[list[int], int]:
    """Generates to the end, and counts passes."""
    tokens, passes = [], 0
    async for step in generator:
        tokens += (await step.execute()).tokens
        passes += 1
    return tokens, passes
