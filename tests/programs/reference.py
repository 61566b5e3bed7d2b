"""Every row of the reference page of the Python SDK, once, on the engine. `tests/python.rs` runs it; what it returns is compared there."""

import asyncio

from inferlet import (
    Adapter, AnyJson, Context, Distribution, Ebnf, Entropy, Grammar, GrammarConstraint, JsonSchema, Logits, Logprob, Logprobs, Matcher, Model, Regex,
    Sampler, brle, chat, messaging, mcp, reasoning, runtime, scheduling, session, tools, zo,
)  # fmt: skip


def about_the_runtime() -> None:
    assert "dummy" in runtime.models() and runtime.version() and runtime.instance_id() and runtime.username()


def about_models(model: Model) -> None:
    tokenizer = model.tokenizer()
    assert tokenizer.decode(tokenizer.encode("a loaf of bread")) == "a loaf of bread"
    ids, texts = tokenizer.vocabs()
    assert len(ids) == len(texts) and isinstance(texts[0], bytes)
    assert len(tokenizer.special_tokens()[0]) > 0 and isinstance(tokenizer.split_regex(), str)


async def about_contexts(model: Model) -> None:
    ctx = Context(model)
    assert ctx.system("s").user("u").assistant("a").cue().seal().append([5]) is ctx
    assert ctx.seq_len == 0 and ctx.buffer()[-1] == 5 and ctx.page_size > 0 and ctx.model is model
    await ctx.flush()
    length = ctx.seq_len
    assert length > 0 and ctx.buffer() == []
    ctx.truncate(1)
    assert ctx.seq_len == length - 1
    ctx.save("kept")
    name = ctx.snapshot()
    assert name and Context.open(model, "absent") is None and Context.take(model, "absent") is None
    copy, taken = Context.open(model, "kept"), Context.take(model, name)
    assert copy is not None and taken is not None and copy.seq_len == taken.seq_len == ctx.fork().seq_len
    assert Context.open(model, name) is None
    Context.delete(model, "kept")
    assert Context.open(model, "kept") is None
    ctx.release()
    with Context(model) as inner:
        inner.user("x")


async def about_generators(model: Model) -> None:
    def ctx() -> Context:
        return Context(model).user("Tell me about bread.")

    g = ctx().generate(Sampler.top_p(0.6, 0.95), max_tokens=8, horizon=8, system_speculation=True)
    tokens = await g.collect_tokens()
    assert len(tokens) == g.tokens_generated <= 8 and g.is_done
    assert isinstance(await ctx().generate(Sampler.argmax()).max_tokens(4).collect_text(), str)
    value = await ctx().generate(Sampler.argmax()).collect_json(schema='{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}')
    assert isinstance(value["a"], int)
    parsed = await ctx().generate(Sampler.argmax(), constrain=JsonSchema(schema='{"type":"integer"}')).collect_json(parse=lambda text: len(text))
    assert parsed >= 1
    for schema, holds in [
        (AnyJson(), lambda text: text != ""),
        (Regex(pattern="[a-c]{3}"), lambda text: set(text) <= set("abc") and len(text) == 3),
        (Ebnf(source='start: "yes" | "no"'), lambda text: text in ("yes", "no")),
    ]:
        assert holds(await ctx().generate(Sampler.argmax(), constrain=schema, max_tokens=64).collect_text())
    g = ctx().generate(Sampler.argmax(), max_tokens=4, stop=[7], auto_flush=True)
    entropies, count = g.probe_each_step(0, Entropy()), 0
    g.stop([8]).add_stop([9])
    async for step in g:
        handle = step.probe(0, Distribution(1.0, 2))
        out = await step.execute()
        count += 1
        assert out.entropy(entropies) >= 0 and len(out.distribution(handle)[0]) == 2 and out.auto_sampler is not None
    assert count == 4
    g = ctx().generate(Sampler.argmax(), max_tokens=2)
    async for step in g:
        handle = step.clear_sampler().probe(0, Distribution(1.0, 1))
        ids, _ = (await step.execute()).distribution(handle)
        assert g.accept(ids) == ids

    class Mine:
        def build_constraint(self, model: Model) -> GrammarConstraint:
            return GrammarConstraint.json(model)

    class Free:
        def step(self, accepted: list[int]) -> list[int]:
            return []

    class Guess:
        def draft(self) -> tuple[list[int], list[int]]:
            return [], []

        def accept(self, tokens: list[int]) -> None:
            return None

        def rollback(self, n: int) -> None:
            return None

        def reset(self) -> None:
            return None

    assert await ctx().generate(Sampler.argmax(), constrain=[Mine(), Free()], max_tokens=64).collect_text()
    assert len(await ctx().generate(Sampler.argmax(), speculator=Guess(), max_tokens=3).collect_tokens()) == 3
    size = len(model.tokenizer().vocabs()[0])
    only = ctx().generate(Sampler.argmax(), logit_mask=brle.from_indices([100], size), max_tokens=2)
    assert await only.collect_tokens() == [100, 100]


async def about_passes(model: Model) -> None:
    ctx = Context(model)
    tokens = model.tokenizer().encode("the best bread is")
    last = len(tokens) - 1
    fwd = ctx.forward()
    assert fwd.start_position() == 0
    fwd.input(tokens).mask(brle.from_ranges([(50, 900)], len(model.tokenizer().vocabs()[0])))
    one, all_of_them = fwd.sample([last], Sampler.argmax()), fwd.sample([0, last], Sampler.top_k(1.0, 1))
    logits, some = fwd.probe(last, Logits()), fwd.probe(last, Distribution(1.0, 3))
    of_one, of_two, entropy = fwd.probe(last, Logprob(60)), fwd.probe(last, Logprobs([60, 61])), fwd.probe(last, Entropy())
    out = await fwd.execute()
    assert 50 <= out.token(one) < 900 and len(out.tokens_at(all_of_them)) == 2 and out.tokens == [] and out.raw.slots
    assert len(out.logits(logits)) == 4 * len(model.tokenizer().vocabs()[0]) and len(out.distribution(some)[1]) == 3
    assert len(out.logprobs(of_one)) == 1 and len(out.logprobs(of_two)) == 2 and out.entropy(entropy) > 0
    second = ctx.forward().input_at([70], [ctx.seq_len]).attention_mask([brle.from_ranges([(0, ctx.seq_len + 1)], ctx.seq_len + 1)])
    for sampler in (Sampler.min_p(0.6, 0.1), Sampler.top_k_top_p(0.6, 50, 0.95), Sampler.multinomial(1.0, 0)):
        second.sample([0], sampler)
    await second.execute()


async def about_grammars(model: Model) -> None:
    for grammar in (Grammar.json(), Grammar.from_regex("a+"), Grammar.from_ebnf('start: "a"'), Grammar.from_json_schema('{"type":"null"}')):
        matcher = Matcher(grammar, model.tokenizer())
        assert matcher.next_token_logit_mask() and not matcher.is_terminated
        matcher.reset()
    matcher = Matcher(Grammar.from_ebnf('start: "a"'), model.tokenizer())
    matcher.accept_tokens(model.tokenizer().encode("a"))
    assert matcher.is_terminated
    GrammarConstraint.from_grammar(Grammar.json(), model)
    GrammarConstraint.from_json_schema("{}", model)
    GrammarConstraint.from_regex("b", model)
    GrammarConstraint.from_ebnf('start: "b"', model)


async def about_adapters(model: Model) -> None:
    with Adapter.create(model, "spice") as adapter:
        zo.initialize(adapter, 2, 2.0, 2, 0.5, 0.5)
        plain = await Context(model).user("x").generate(Sampler.argmax(), max_tokens=4, adapter=adapter).collect_tokens()
        g = Context(model).user("x").generate(Sampler.argmax()).max_tokens(4).adapter(adapter).zo_seed(3)
        assert len(plain) == len(await g.collect_tokens()) == 4
        fwd = Context(model).forward().input([60]).adapter(adapter).zo_seed(4)
        fwd.sample([0], Sampler.argmax())
        await fwd.execute()
        zo.update(adapter, [1.0, 0.0], [3, 4], 1.0)
        adapter.save("/scratch/spice.safetensors")
        adapter.load("/scratch/spice.safetensors")
        assert adapter.fork("more spice") is not None
    assert Adapter.open(model, "absent") is None and Adapter.open(model, "more spice") is not None


async def about_formats(model: Model) -> None:
    decoder, text = chat.Decoder(model), ""
    for token in model.tokenizer().encode("warm bread") + chat.stop_tokens(model)[:1]:
        match decoder.feed([token]):
            case chat.Event.Delta(text=part):
                text += part
            case chat.Event.Done(text=whole):
                assert whole == text == "warm bread"
            case chat.Event.Idle() | chat.Event.Interrupt():
                pass
    decoder.reset()
    for make in (chat.system, chat.user, chat.assistant):
        assert make(model, "x")
    assert chat.cue(model) and chat.seal(model)
    assert isinstance(reasoning.Decoder(model).feed(model.tokenizer().encode("x")), reasoning.Event.Idle)
    schema = '{"name":"bake","description":"Bakes.","parameters":{"type":"object"}}'
    assert tools.equip_prefix(model, [schema]) and tools.answer_prefix(model, "bake", {"done": True})
    assert isinstance(tools.Decoder(model).feed([60]), tools.Event.Start)
    assert tools.native_matcher(model, [schema]) is not None


async def about_the_world(model: Model) -> None:
    session.send("a message")
    session.send({"as": "json"})
    session.send_file(b"bytes")
    assert await session.receive() == "first"
    assert mcp.available_servers() == []
    with messaging.subscribe("news") as news:
        messaging.broadcast("news", "rye is up")
        assert await news.next() == "rye is up"
        news.unsubscribe()
        assert await news.next() is None
    pulled = asyncio.create_task(messaging.pull("orders"))
    messaging.push("orders", "two loaves")
    assert await pulled == "two loaves"
    ctx = Context(model)
    for number in (scheduling.balance(model), scheduling.rent(ctx), scheduling.dividend(model), scheduling.latency(ctx), scheduling.price()):
        assert isinstance(number, float)
    ctx.set_bid(1.0)
    with ctx.idle():
        await asyncio.sleep(0.01)


async def main() -> list[str]:
    model = Model.load("default")
    about_the_runtime()
    about_models(model)
    parts = [about_contexts, about_generators, about_passes, about_grammars, about_adapters, about_formats, about_the_world]
    for part in parts:
        await part(model)
    return [part.__name__ for part in parts]
