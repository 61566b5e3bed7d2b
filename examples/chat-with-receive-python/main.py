"""A conversation with whoever launched this: waits for a message, answers with one, and so on.

The context stays. Each answer costs the new message and the answer itself, however long the conversation has become.
"""

from inferlet import Context, Model, Sampler, session


async def main(system: str, max_tokens: int) -> None:
    model = Model.load("default")
    ctx = Context(model)
    ctx.system(system)
    # It ends with the session, when nobody has anything more to say.
    async for message in session.messages():
        ctx.user(message)
        answer = await ctx.generate(Sampler.argmax(), max_tokens=max_tokens).collect_text()
        session.send(answer)
        # A generator leaves the model's turn open, so that it could go on. Here it is over.
        ctx.seal()
