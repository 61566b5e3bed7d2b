"""Some models think before they answer, in a marked block. Two decoders read the same tokens: one finds the thoughts, the other what is
meant for the user.

Run it with `--script replies.toml`: the dummy model then thinks.
"""

from inferlet import Context, Model, Sampler, chat, reasoning


async def main(question: str, max_tokens: int) -> dict[str, str]:
    model = Model.load("default")
    ctx = Context(model)
    ctx.user(question)

    thoughts, answer = "", ""
    thought_decoder, answer_decoder = reasoning.Decoder(model), chat.Decoder(model)
    async for step in ctx.generate(Sampler.argmax(), max_tokens=max_tokens):
        output = await step.execute()
        match thought_decoder.feed(output.tokens):
            case reasoning.Event.Delta(text=text):
                thoughts += text
            case reasoning.Event.End(text=whole):
                thoughts = whole
        match answer_decoder.feed(output.tokens):
            case chat.Event.Delta(text=text):
                answer += text
    return {"thoughts": thoughts, "answer": answer}
