from inferlet import Decoder, Event, Model, Regex, Sampler, TokenStream

from .support import END, Case, context, run, token_of


class Blocking(Case):
    def test_a_plain_loop_goes_through_the_tokens(self):
        expected = context("abc").generate(Sampler.greedy()).tokens()
        stream = context("abc").generate(Sampler.greedy(), auto_flush=False, stop=[END])
        self.assertIsInstance(stream, TokenStream)
        self.assertEqual([token for tokens in stream for token in tokens], expected)
        self.assertEqual(context("abc").generate(Sampler.greedy()).text(), context("abc").generate_text(Sampler.greedy()))

    def test_events_end_with_the_whole_text(self):
        events = list(context("abc").generate(Sampler.greedy(), decode=True))
        text = "".join(event.text for event in events if isinstance(event, Event.Text))
        self.assertEqual(events[-1], Event.Done(text))
        self.assertEqual(text, context("abc").generate_text(Sampler.greedy()))
        cut = list(context("abc").generate(Sampler.greedy(), decode=True, max_tokens=2))
        self.assertEqual(cut[-1], Event.Done(text[:2]), "a generation that its limit ends is done too")

    def test_a_match_statement_tells_events_apart(self):
        seen = []
        options = {"decode": True, "reasoning": True, "tool_use": True, "max_tokens": 6}
        for event in context("abc").generate(Sampler.greedy(), constrain=Regex("[^]"), **options):
            match event:
                case Event.Text(text=text) | Event.Thinking(text=text) | Event.ThinkingDone(text=text):
                    seen.append((type(event).__name__, text))
                case Event.ToolCall(name=name, arguments=arguments):
                    seen.append(("ToolCall", name, arguments))
                case Event.ToolCallStart() | Event.Done():
                    seen.append((type(event).__name__,))
        kinds = {each[0] for each in seen}
        self.assertIn("Done", kinds)
        self.assertTrue(kinds - {"Done"}, seen)

    def test_the_plain_decoder_keeps_thoughts_out_of_the_text(self):
        decoder = Decoder(Model.load("default"), reasoning=True, tool_use=True)
        events = decoder.feed([*(token_of(letter) for letter in "a[bc]d^"), END])
        self.assertEqual(
            events,
            [
                Event.Text("a"),
                Event.Thinking("b"),
                Event.Thinking("c"),
                Event.ThinkingDone("bc"),
                Event.Text("d"),
                Event.ToolCallStart(),
                Event.ToolCall("add", '{"a": 1, "b": 2}'),
                Event.Text("^"),
                Event.Done("ad^"),
            ],
        )
        decoder.reset()
        self.assertEqual(decoder.feed([END]), [Event.Done("")])

    def test_events_without_decoding_are_refused(self):
        with self.refused("`decode=True`"):
            context("abc").generate(Sampler.greedy(), reasoning=True)


class InALoop(Case):
    def test_events_are_gone_through_with_async_for_and_awaiting_the_stream_changes_nothing(self):
        async def program():
            plain = [event async for event in context("abc").generate(Sampler.greedy(), decode=True)]
            awaited = await context("abc").generate(Sampler.greedy(), decode=True)
            return plain, [event async for event in awaited]

        plain, awaited = run(program())
        self.assertEqual(plain, awaited)
        self.assertIsInstance(plain[-1], Event.Done)

    def test_a_plain_loop_is_refused_in_words(self):
        async def program(what):
            for _ in what:
                pass

        with self.refused("use `async for`"):
            run(program(context("abc").generate(Sampler.greedy())))
        with self.refused("use `async for`"):
            run(program(context("abc").generate(Sampler.greedy(), decode=True)))


class Samplers(Case):
    def test_defaults_and_other_names_mean_the_same(self):
        for one, other in [
            (Sampler.greedy(), Sampler.argmax()),
            (Sampler.top_p(), Sampler.top_p(temperature=0.6, top_p=0.95)),
            (Sampler.top_k(), Sampler.top_k(temperature=0.6, top_k=50)),
            (Sampler.min_p(), Sampler.min_p(temperature=0.6, min_p=0.1)),
            (Sampler.multinomial(), Sampler.multinomial(temperature=1.0, seed=0)),
            (Sampler.top_k_top_p(), Sampler.top_k_top_p(temperature=0.6, top_k=50, top_p=0.95)),
            (Sampler.dist(), Sampler.dist(temperature=1.0, seed=0)),
            (Sampler.top_p(0.5, 0.9), Sampler.top_p(temperature=0.5, p=0.9)),
            (Sampler.multinomial(1, 7), Sampler.multinomial(temperature=1.0, draws=7)),
        ]:
            self.assertEqual(one, other)
        self.assertFalse(Sampler.embedding().chooses or Sampler.dist().chooses)
