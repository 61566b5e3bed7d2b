"""A long text that many questions are asked about is read by the model once, and saved under a name.

A saved context lives as long as the engine does. Further runs of this inferlet, or of another one of the same user, find it again and begin
where it ends.
"""

from inferlet import Context, Model, Sampler

NAME = "house-rules"
HOUSE_RULES = (
    "You answer questions about the rules of the bakery. "
    "The oven goes on at four in the morning. Bread goes in at five, rolls at half past five, cakes at seven. "
    "Only the baker on duty may open the oven, and only with gloves. Flour is weighed, never guessed. "
    "Yesterday's bread is sold until noon at half its price. Dogs wait outside."
)


async def main(questions: list[str], max_tokens: int) -> list[dict]:
    model = Model.load("default")
    answers = []
    for question in questions:
        with await house_rules(model) as ctx:
            # How many tokens the model had read before this question.
            reused = ctx.seq_len
            ctx.user(question)
            text = await ctx.generate(Sampler.argmax(), max_tokens=max_tokens).collect_text()
        answers.append({"text": text, "reused_tokens": reused})
    return answers


async def house_rules(model: Model) -> Context:
    """A context in which the model has read the rules."""
    # A copy: it shares the pages of what was saved, and what is added to it is its own.
    ctx = Context.open(model, NAME)
    if ctx is None:
        ctx = Context(model)
        await ctx.system(HOUSE_RULES).flush()
        ctx.save(NAME)
    return ctx
