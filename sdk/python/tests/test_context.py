from inferlet import Context, Distribution, Embedding, Entropy, ForwardPass, Logits, Logprob, Logprobs, Model, Sampler
from inferlet.market import Bidding, Situation, sustainable_bid
from inferlet.pages import Extent

from .support import Case, context, run, sequence, token_of


def empty():
    return Context(Model.load("default"))


class Filling(Case):
    def test_a_flush_reserves_the_pages_it_needs_and_commits_those_it_fills(self):
        ctx = empty()

        def flushed(tokens):
            run(ctx.append(tokens).flush())
            return ctx._raw.committed_page_count(), ctx._raw.working_page_count()

        self.assertEqual(flushed([1, 2, 3]), (0, 1))
        self.assertEqual(flushed([4]), (1, 0))
        self.assertEqual(flushed([5] * 9), (3, 1))
        self.assertEqual(ctx.seq_len, 13)

    def test_flushing_in_pieces_gives_the_same_sequence_and_positions_as_at_once(self):
        pieces, whole = empty(), empty()
        for token in range(11):
            run(pieces.append([token]).flush())
            whole.append([token])
        run(whole.flush())
        self.assertEqual(pieces._raw.state.slots, whole._raw.state.slots)
        self.assertEqual(whole._raw.state.slots[10], (10, 10))

    def test_cueing_twice_is_cueing_once(self):
        ctx = empty().user("hi").cue().cue()
        once = ctx.buffer()
        self.assertEqual(ctx.cue().buffer(), once)
        self.assertEqual(len(ctx.append([1]).cue().buffer()), len(once) + 2)

    def test_turns_texts_and_tools_are_appended(self):
        ctx = empty().fill("ab").fill_tokens([1]).system("s").assistant("x").seal()
        self.assertEqual(ctx.buffer()[:3], [token_of("a"), token_of("b"), 1])
        before = len(ctx.buffer())
        ctx.equip_tools([{"name": "add"}]).answer_tool("add", {"sum": 3})
        self.assertEqual(len(ctx.buffer()) - before, len("add") + len('add={"sum":3}'))

    def test_truncation_stops_at_committed_pages(self):
        ctx = empty()
        run(ctx.append([1, 2, 3, 4, 5, 6]).flush())
        ctx.append([7])
        with self.refused("2 are in working pages"):
            ctx.truncate(3)
        ctx.truncate(2)
        self.assertEqual((sequence(ctx), ctx.buffer()), ([1, 2, 3, 4, 7], [7]))


class Lifecycle(Case):
    def test_a_fork_has_the_same_sequence_and_buffer_and_then_goes_its_own_way(self):
        ctx = empty()
        run(ctx.append([1, 2, 3, 4, 5]).flush())
        fork = ctx.append([6]).fork("other")
        self.assertEqual((fork.seq_len, fork.buffer(), fork.name), (5, [6], "other"))
        run(fork.flush())
        self.assertEqual((ctx.seq_len, ctx.buffer()), (5, [6]))

    def test_saving_loses_no_buffered_token(self):
        ctx = Context(Model.load("default"), name="own")
        ctx.append([7, 8, 9]).save()
        self.assertEqual(ctx.buffer(), [])
        self.assertEqual(sequence(Context.open(ctx.model, "own")), [7, 8, 9])
        self.assertEqual(Context.take(ctx.model, "own").seq_len, 3)
        self.assertIsNone(Context.open(ctx.model, "own"))
        self.assertIsNone(Context.take(ctx.model, "own"))
        with self.refused("`own`"):
            Context.delete(ctx.model, "own")

    def test_a_snapshot_has_a_name_of_its_own(self):
        ctx = empty().append([1])
        name = ctx.snapshot()
        self.assertEqual(Context.open(ctx.model, name).seq_len, 1)
        Context.delete(ctx.model, name)
        with self.refused("needs one to be saved as"):
            ctx.save()

    def test_a_with_block_frees_the_pages(self):
        with empty() as ctx:
            raw = ctx._raw
        self.assertTrue(raw.is_destroyed)


class Passes(Case):
    def test_a_pass_that_is_refused_leaves_buffer_and_pages_as_they_were(self):
        ctx = empty()
        fwd = ctx.forward().input([1, 2])
        fwd.sample([2], Sampler.argmax())
        with self.refused("index 2"):
            run(fwd.execute())
        self.assertEqual((ctx.seq_len, ctx._raw.working_page_count()), (0, 0))

    def test_buffered_tokens_come_before_a_pass_and_can_be_fed_by_it(self):
        ctx = empty().fill("ab")
        with self.refused("take_buffer"):
            run(ctx.forward().execute())
        pending = ctx.take_buffer()
        fwd = ctx.forward()
        self.assertEqual((fwd.start_position(), fwd.page_size), (0, 4))
        handle = fwd.input(pending).sample([0, 1], Sampler.argmax())
        out = run(fwd.execute())
        self.assertEqual(len(out.tokens_at(handle)), 2)
        self.assertEqual((out.tokens, out.auto_sampler), ([], None))
        self.assertEqual(ctx.forward().start_position(), 2)
        with self.refused("has been executed"):
            run(fwd.execute())

    def test_input_after_explicit_positions_goes_on_from_the_last_one(self):
        ctx = empty()
        run(ctx.forward().input([1]).input_at([2, 3], [10, 20]).input([4]).execute())
        self.assertEqual([position for _, position in ctx._raw.state.slots], [0, 10, 20, 21])

    def test_each_probe_is_read_by_its_handle_and_by_no_other(self):
        fwd = empty().forward().input([1, 2, 3])
        token = fwd.sample([0, 2], Sampler.argmax())
        probes = [Logits(), Distribution(1.0, 3), Logprob(7), Logprobs([7, 8]), Entropy(), Embedding()]
        logits, distribution, logprob, logprobs, entropy, embedding = (fwd.probe(2, probe) for probe in probes)
        out = run(fwd.execute())
        ids, probabilities = out.distribution(distribution)
        self.assertEqual((out.token(token), len(out.tokens_at(token))), (out.tokens_at(token)[0], 2))
        self.assertEqual(out.tokens_at(token)[1], ids[0])
        self.assertEqual((len(ids), len(probabilities)), (3, 3))
        self.assertEqual(len(out.logits(logits)), 64 * 4)
        self.assertEqual((len(out.logprobs(logprob)), len(out.logprobs(logprobs))), (1, 2))
        self.assertEqual(out.logprobs(logprob)[0], out.logprobs(logprobs)[0])
        self.assertEqual((out.entropy(entropy), len(out.embedding(embedding))), (0.5, 8))
        self.assertEqual((out.entropy(logits), out.logits(token), out.distribution(entropy)), (None, None, None))
        self.assertIsNone(out.token(entropy))
        self.assertEqual(len(out.raw.slots), 8)

    def test_masks_adapters_and_seeds_reach_the_pass(self):
        from inferlet import Adapter, brle

        ctx = empty()
        allowed = brle.from_indices([5], 64)
        fwd = ctx.forward().input([1, 2]).attention_mask([[0, 1], [1, 1]]).mask(allowed)
        handle = fwd.adapter(Adapter.create(ctx.model, "reaches")).zo_seed(3).sample([1], Sampler.argmax())
        self.assertEqual(run(fwd.execute()).token(handle), 5)
        with self.refused("mask 0 covers 9"):
            run(ctx.forward().input([1]).attention_mask([[0, 9]]).execute())

    def test_the_pass_of_the_interface_needs_no_context(self):
        low = ForwardPass(Model.load("default")).input_tokens([1, 2], [0, 1])
        first, second = low.sampler([1], Sampler.greedy()), low.sampler([0], Entropy())
        out = run(low.execute())
        self.assertEqual(out.entropy(second), 0.5)
        self.assertIsNotNone(out.token(first))
        with self.refused("needs input"):
            run(ForwardPass(Model.load("default")).execute())


class Market(Case):
    def test_an_idle_context_bids_nothing_and_then_what_it_bid_before(self):
        ctx = empty()
        ctx.set_bid(2.5)
        with ctx.idle():
            pass
        self.assertEqual(ctx._raw.state.bids, [2.5, 0.0, 2.5])
        other = context("abc")
        with other.idle():
            pass
        self.assertGreater(other._raw.state.bids[1], 0)

    def test_the_bid_spends_what_new_pages_leave(self):
        plenty = Situation(balance=100.0, dividend=0.0, price=1.0, page_size=16, seq_len=16, steps=16)
        # One page becomes two: 99 credits over 16 steps of 1.5 pages.
        self.assertEqual(sustainable_bid(plenty), 99.0 / 24.0)
        self.assertEqual(sustainable_bid(plenty._replace(dividend=1.5)), 123.0 / 24.0)
        self.assertEqual(sustainable_bid(plenty._replace(balance=0.5)), 0.0)
        self.assertEqual(sustainable_bid(plenty._replace(balance=-3.0, steps=0, seq_len=0)), 0.0)

    def test_an_override_holds_for_one_step_and_is_restored_on_the_next(self):
        bidding = Bidding()
        self.assertFalse(bidding.begin_step(False))
        bidding.override = 2.5
        self.assertFalse(bidding.begin_step(True), "this step keeps the override")
        self.assertTrue(bidding.begin_step(False), "this one restores the formula")
        self.assertFalse(bidding.begin_step(False))
        self.assertTrue(bidding.begin_step(True))


class Pages(Case):
    def test_a_partly_filled_page_is_used_up_before_another_is_reserved(self):
        self.assertEqual(Extent(16, 2, 1, 10).missing_pages(6), 0)
        self.assertEqual(Extent(16, 2, 1, 10).missing_pages(7), 1)
        self.assertEqual(Extent(16, 2, 0, 0).missing_pages(33), 3)
        self.assertEqual(Extent(16, 2, 4, 0).missing_pages(1), 0)

    def test_there_is_room_to_the_end_of_the_last_page(self):
        self.assertEqual([Extent(16, 2, pages, tokens).room for pages, tokens in ((1, 10), (1, 16), (2, 10))], [6, 0, 22])
        self.assertEqual(Extent(16, 2, 1, 16).grown(1).room, 15, "the page that one token more needs")

    def test_positions_go_on_behind_the_sequence_and_only_full_pages_are_committed(self):
        self.assertEqual(Extent(16, 2, 1, 3).positions(2, 2), [37, 38])
        self.assertEqual([Extent(16, 2, 3, tokens).full_pages for tokens in (15, 16, 47)], [0, 1, 2])
