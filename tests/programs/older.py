"""Every row of the older README of the Python SDK, as statements that are the program. `tests/python.rs` runs it."""

from inferlet import Context, Event, ForwardPass, Grammar, Matcher, Model, Sampler, messaging, runtime, session

model = Model.load(runtime.models()[0])
ctx = Context(model)
ctx.system("You are a helpful assistant.")
ctx.user("Hello, world!")
session.send(ctx.generate_text(Sampler.top_p(), max_tokens=8))

named = Context(model, name="my-ctx")
named.fill("arbitrary text").fill_tokens([60, 61])
beam = named.fork("beam-0")
assert beam.buffer() == named.buffer() and beam.name == "beam-0"
named.release()

events = Context(model).user("Tell a story.").generate(Sampler.top_p(), decode=True, reasoning=True, tool_use=True, max_tokens=6)
seen = []
for event in events:
    match event:
        case Event.Text(text=text):
            seen.append(text)
        case Event.Done(text=text):
            assert text == "".join(seen)
            break

lists = list(Context(model).user("x").cue().generate(Sampler.greedy(), max_tokens=3, auto_flush=False))
assert sum(map(len, lists)) == 3 and all(isinstance(tokens, list) for tokens in lists)
assert isinstance(Context(model).user("x").generate(Sampler.top_k(), max_tokens=2).text(), str)
assert len(Context(model).user("x").generate(Sampler.min_p(temperature=0.6, min_p=0.1), max_tokens=2).tokens()) == 2
for sampler in (Sampler.multinomial(temperature=1.0, seed=0), Sampler.top_k_top_p(temperature=0.6, top_k=50, top_p=0.95)):
    Context(model).user("x").generate(sampler, max_tokens=1).tokens()

forward = ForwardPass(model).input_tokens([60, 61], [0, 1])
handle = forward.sampler([1], Sampler.dist(temperature=1.0, seed=0))
assert len(forward.execute().distribution(handle)[0]) == len(model.tokenizer().vocabs()[0])

ctx.equip_tools(['{"name":"get_weather","description":"Tells.","parameters":{"type":"object"}}'])
ctx.answer_tool("get_weather", '{"temp": 72}')
matcher = Matcher(Grammar.from_json_schema('{"type":"boolean"}'), model.tokenizer())
mask = matcher.next_token_logit_mask()
assert Context(model).user("x").generate(Sampler.greedy(), logit_mask=mask, max_tokens=1).tokens()

session.send(session.receive())
messaging.push("topic", "message")
assert messaging.pull("topic") == "message"
with messaging.subscribe("topic") as sub:
    messaging.broadcast("topic", "to all")
    for message in sub:
        assert message == "to all"
        break
session.send("done")
