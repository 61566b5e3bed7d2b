import asyncio
import json

from inferlet import Adapter, InferletError, McpError, Model, Sampler, launch, mcp, messaging, runtime, scheduling, session, zo
from inferlet_bindings.imports import pie_core_session, pie_zo_zo

from .support import Case, context, run


class Sessions(Case):
    def setUp(self):
        pie_core_session.CLIENT = self.client = pie_core_session.Client()

    def test_texts_go_as_they_are_and_values_as_json(self):
        for message in ("plain", {"a": 1}, [1], None):
            session.send(message)
        session.send_file(bytearray(b"x"))
        self.assertEqual(self.client.got, ["plain", '{"a":1}', "[1]", "null", b"x"])

    def test_messages_and_files_are_received_in_order(self):
        async def program():
            waiting = [asyncio.create_task(session.receive()) for _ in range(2)]
            await asyncio.sleep(0.1)
            self.client.say("one")
            self.client.say("two")
            self.client.give(b"file")
            return [*await asyncio.gather(*waiting), await session.receive_file()]

        self.assertEqual(run(program()), ["one", "two", b"file"])

    def test_who_gives_up_waiting_loses_no_message(self):
        async def program():
            for _ in range(3):
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(session.receive(), 0.1)
            self.client.say("kept")
            self.client.say("next")
            return await session.receive(), await session.receive()

        self.assertEqual(run(program()), ("kept", "next"))

    def test_the_messages_end_when_the_client_is_gone(self):
        async def program():
            self.client.say("one")
            self.client.leave()
            heard = [message async for message in session.messages()]
            with self.assertRaises(session.SessionEnded):
                await session.receive()
            return heard

        self.assertEqual(run(program()), ["one"])

    def test_outside_of_a_loop_receiving_blocks(self):
        self.client.say("one")
        self.assertEqual(session.receive(), "one")


class Messages(Case):
    def test_queues_and_broadcasts_are_apart(self):
        async def program():
            with messaging.subscribe("news") as sub:
                messaging.push("news", {"n": 1})
                messaging.broadcast("news", "heard")
                return await messaging.pull("news"), await sub.next()

        self.assertEqual(run(program()), ('{"n":1}', "heard"))

    def test_a_subscription_is_gone_through_until_it_is_unsubscribed(self):
        async def program():
            heard = []
            sub = messaging.subscribe("talk")

            async def listen():
                async for message in sub:
                    heard.append(message)

            listener = asyncio.create_task(listen())
            for message in "abc":
                messaging.broadcast("talk", message)
            await asyncio.sleep(0.01)
            sub.unsubscribe()
            await listener
            return heard, await sub.next()

        self.assertEqual(run(program()), (["a", "b", "c"], None))

    def test_outside_of_a_loop_a_plain_loop_does_the_same(self):
        with messaging.subscribe("plain") as sub:
            messaging.broadcast("plain", "one")
            for message in sub:
                self.assertEqual(message, "one")
                break

        async def program():
            return iter(messaging.subscribe("plain"))

        with self.refused("use `async for`"):
            run(program())


class Launching(Case):
    def test_a_child_answers_with_a_value(self):
        child = launch("echo", {"part": 1})
        self.assertEqual((child.pid, run(child.answer())), ("instance-2", {"part": 1}))
        with self.refused("was taken before"):
            run(child.wait())
        self.assertEqual(run(runtime.spawn("echo", ["a"])), '["a"]')
        self.assertEqual(run(runtime.spawn("echo")), "{}")

    def test_children_run_beside_each_other_and_their_errors_are_raised(self):
        async def program():
            return await asyncio.gather(*(launch("echo", n).answer() for n in range(3)))

        self.assertEqual(run(program()), [0, 1, 2])
        with self.refused("it broke"):
            run(launch("broken").wait())
        with self.refused("no `other` among the dependencies"):
            launch("other")
        with self.refused("the input of `echo`", "a `set`"):
            launch("echo", {1})
        child = launch("echo")
        child.cancel()
        with self.refused("cancelled"):
            run(child.wait())


class Surroundings(Case):
    def test_the_engine_says_what_it_is(self):
        self.assertEqual(
            (runtime.models(), runtime.version(), runtime.instance_id(), runtime.username()),
            (["default"], "0.3.1", "instance-1", "ada"),
        )
        with self.refused("no model `other`; there is `default`"):
            Model.load("other")

    def test_a_tokenizer_goes_both_ways(self):
        tokenizer = Model.load("default").tokenizer()
        self.assertEqual(tokenizer.decode(tokenizer.encode("abc")), "abc")
        ids, texts = tokenizer.vocabs()
        self.assertEqual((len(ids), ids[-1], type(texts[0])), (64, 63, bytes))
        self.assertEqual((tokenizer.special_tokens(), tokenizer.split_regex()), (([63], [b"<end>"]), ""))
        with self.refused("no token 99"):
            tokenizer.decode([99])

    def test_the_market_is_read(self):
        ctx = context("a")
        read = (
            scheduling.balance(ctx.model),
            scheduling.rent(ctx),
            scheduling.dividend(ctx.model),
            scheduling.latency(ctx),
            scheduling.price(),
        )
        self.assertEqual(read, (100.0, 0.0, 0.0, 0.01, 1.0))


class Servers(Case):
    def test_a_session_calls_tools_and_reads_resources_and_prompts(self):
        self.assertEqual(mcp.available_servers(), ["files"])
        with mcp.connect("files") as server:
            for reply, method in [
                (server.list_tools(), "tools/list"),
                (server.call_tool("read", {"path": "x"}), "tools/call"),
                (server.call_tool("read", '{"path": "x"}'), "tools/call"),
                (server.list_resources(), "resources/list"),
                (server.read_resource("file:x"), "resources/read"),
                (server.list_prompts(), "prompts/list"),
                (server.get_prompt("p"), "prompts/get"),
            ]:
                self.assertEqual(json.loads(reply)["method"], method)
            raw = server._raw
        self.assertTrue(raw.given_back)

    def test_an_error_keeps_code_message_and_data(self):
        with self.assertRaises(McpError) as caught:
            mcp.connect("files").call_tool("unknown", {})
        error = caught.exception
        self.assertEqual((error.code, error.data), (-32602, '{"name":"unknown"}'))
        self.assertEqual(str(error), 'unknown tool (code -32602): {"name":"unknown"}')
        with self.refused("no server `other` (code -32000)"):
            mcp.connect("other")


class Adapters(Case):
    def test_adapters_are_made_found_copied_and_kept(self):
        model = Model.load("default")
        with Adapter.create(model, "taste") as adapter:
            self.assertEqual(adapter.fork("copy").name, "copy")
            adapter.save("/scratch/taste")
            with self.refused("not under `/scratch`"):
                adapter.save("/tmp/taste")
            with self.refused("no file"):
                adapter.load("/scratch/none")
        self.assertEqual(Adapter.open(model, "copy").name, "copy")
        self.assertIsNone(Adapter.open(model, "none"))
        with self.refused("`taste` already"):
            Adapter.create(model, "taste")

    def test_training_reaches_the_engine(self):
        adapter = Adapter.create(Model.load("default"), "trained")
        pie_zo_zo.CALLS.clear()
        zo.initialize(adapter, rank=4, alpha=4.0, population_size=2, mu_fraction=0.5, initial_sigma=0.2)
        run(context("a").generate(Sampler.argmax(), max_tokens=1, adapter=adapter, zo_seed=7).collect_tokens())
        zo.update(adapter, [1, 2.5], (7, 8), 1.0)
        self.assertEqual(
            pie_zo_zo.CALLS,
            [
                ("initialize", "trained", 4, 4.0, 2, 0.5, 0.2),
                ("adapter_seed", 7),
                ("update", "trained", [1.0, 2.5], [7, 8], 1.0),
            ],
        )
        with self.assertRaises(InferletError):
            zo.update(adapter, [1.0], [7, 8], 1.0)
