"""Continues a text. There is no chat here: the model sees exactly the tokens of the text and predicts what follows."""

from inferlet import Context, Model, Sampler, chat


async def main(text: str, max_tokens: int) -> str:
    model = Model.load("default")
    ctx = Context(model)
    ctx.fill(text)
    # Without `auto_flush`, nothing is added, and nothing but the limit ends it: so the end of text is named.
    generator = ctx.generate(
        Sampler.argmax(), max_tokens=max_tokens, auto_flush=False, stop=chat.stop_tokens(model)
    )
    return text + model.tokenizer().decode(await generator.collect_tokens())
